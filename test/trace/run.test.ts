import { describe, expect, test } from 'vitest';
import { type Outcome, parseScript, Run } from '../../src/trace/index.ts';
import { BDF, type FakeMachine, fakeMachine } from './fake-machine.ts';

/** Runs a script and gives its answers. */
function play(script: string, machine: FakeMachine = fakeMachine()): Outcome[] {
  const run = new Run(machine);
  return parseScript(script, 'test.vs').map((step) => run.execute(step).outcome);
}

/** The answer of a script's last step. */
function last(script: string, machine?: FakeMachine): Outcome | undefined {
  return play(script, machine).at(-1);
}

const OPEN = `bind d ${BDF}\nopen g /dev/vfio/$d.group\nioctl g VFIO_GROUP_GET_DEVICE_FD str:${BDF} >dev\n`;

describe('an answer', () => {
  test('shows a new descriptor as fd and an error as its name', () => {
    expect(play(`${OPEN}dup copy dev\npread copy r7 0\nopen x /dev/none\nclose x\nclose dev`)).toEqual([
      { ret: 0 },
      { ret: 'fd' },
      { ret: 'fd', out: '**'.repeat(13), same: 1 },
      { ret: 'fd' },
      { ret: 0 },
      { ret: -1, errno: 'ENOENT' },
      { ret: -1, errno: 'EBADF' },
      { ret: 0 },
    ]);
  });

  test('shows the struct after the call, and whether it is the same', () => {
    const [changed, same] = play(
      `${OPEN}ioctl dev VFIO_DEVICE_GET_INFO u32:16 pad:12\nioctl dev 0x3b99 u32:16 fd:$dev`,
    ).slice(3);
    expect(changed).toEqual({ ret: 0, out: '10000000020000000900000005000000' });
    expect(same).toEqual({ ret: -1, errno: 'ENOTTY', out: '10000000********', same: 1 });
  });

  test('shows the bytes behind the struct when the call changed them', () => {
    const answer = last(`${OPEN}ioctl dev VFIO_DEVICE_GET_REGION_INFO pad:32`);
    expect(answer).toEqual({ ret: 0, out: `${'00'.repeat(28)}01000000`, beyond: `02000000${'a5'.repeat(60)}` });
  });

  test('hides a descriptor that the call put into the struct, and sets the variable', () => {
    const answers = play(`${OPEN}ioctl dev VFIO_DEVICE_GET_IRQ_INFO u32:16 pad:12 >new:fd@12\nclose new`);
    expect(answers.slice(3)).toEqual([{ ret: 0, out: `10000000${'00'.repeat(8)}********` }, { ret: 0 }]);
  });

  test('shows what was read, and keeps it for a later write', () => {
    const machine = fakeMachine();
    machine.config.set([0x34, 0x12, 0xe8, 0x11]);
    expect(last(`${OPEN}pread dev r7 4`, machine)).toEqual({ ret: 4, data: '3412e811' });
    expect(last(`${OPEN}pread dev r7 2 >v\npwrite dev r7+8 hex:$v\npread dev r7+8 2`, machine)).toMatchObject({
      data: '3412',
    });
    expect(last(`${OPEN}pread dev r7 0`, machine)).toEqual({ ret: 0 });
    expect(last(`${OPEN}pread dev -1 4`, machine)).toEqual({ ret: -1, errno: 'EINVAL' });
  });

  test('of a plain ioctl is its result', () => {
    expect(last(`${OPEN}ioctlv dev VFIO_DEVICE_RESET 0`)).toEqual({ ret: 0 });
  });

  test('of a probe is a row a location', () => {
    const machine = fakeMachine();
    machine.config[1] = 7;
    expect(last(`${OPEN}probe dev r7 0 3 1`, machine)).toEqual({
      probe: [
        [0, '00', 1, 'ff', 1, '00', 1, '00'],
        [1, '07', 1, 'ff', 1, '00', 1, '07'],
        [2, '00', 1, 'ff', 1, '00', 1, '00'],
      ],
    });
    expect(last(`${OPEN}probe dev r9 0 2 2 2`, machine)).toEqual({ probe: [[0, ...new Array(7).fill('EINVAL')]] });
  });
});

describe('memory', () => {
  test('buffers hold what is put there', () => {
    const answers = play(
      'buf b 8K 0x5a\nput b 4 hex:0011 u16:0x3322\nfill b 8 ff:1 pad:1\ndump b 2 10\nmunmap b\ndump b 0 1',
    );
    expect(answers).toEqual([
      { ret: 'ptr' },
      {},
      {},
      { data: '5a5a00112233ff005a5a' },
      { ret: 0 },
      { signal: 'SIGSEGV' },
    ]);
  });

  test('a mapping shows the file, a fault names its signal, munmapall counts', () => {
    const machine = fakeMachine();
    machine.bar.set([0xed, 0, 0, 1]);
    const script = `${OPEN}mmap m dev r0 4096 rw\npeek m 0 4\npoke m 4 4 0x12\npeek m 4 4`;
    expect(play(script, machine).slice(3)).toEqual([
      { ret: 'ptr' },
      { ret: 0, value: '0x10000ed' },
      { ret: 0 },
      { ret: 0, value: '0x12' },
    ]);
    machine.memoryEnabled = false;
    expect(last(`${OPEN}mmap m dev r0 4096 rw\npeek m 0 4`, machine)).toEqual({ ret: -1, signal: 'SIGBUS' });
    expect(last(`${OPEN}poke m 0 4 1`, machine)).toEqual({ ret: -1, signal: 'SIGSEGV' });
    expect(last(`${OPEN}buf b 4K\nmmap m dev r0 4096 rw\nmmap n dev r0 4096 rw\nmunmapall`, machine)).toEqual({
      ret: 2,
    });
    expect(last(`${OPEN}mmap m g 0 4096 rw`, machine)).toEqual({ ret: -1, errno: 'ENODEV' });
  });

  test('a memfd and a limit belong to the process', () => {
    expect(play('memfd m 1M\nclose m\nrlimit 64K')).toEqual([{ ret: 'fd' }, { ret: 0 }, { ret: 0 }]);
  });
});

describe('events and time', () => {
  test('an eventfd gives its count once', () => {
    expect(play('eventfd e 3\npoll e 0\nefdread e\nefdread e 100\nefdwrite e 2\nefdread e')).toEqual([
      { ret: 'fd' },
      { ret: 1, revents: 5 },
      { count: 3 },
      { count: 0, errno: 'EAGAIN' },
      { ret: 8 },
      { count: 2 },
    ]);
  });

  test('poll skips a negative number and reports one that is not open', () => {
    expect(play('poll x 0\npoll 999 0')).toEqual([
      { ret: 0, revents: 0 },
      { ret: 1, revents: 0x20 },
    ]);
  });

  test('a background write goes on while the script does', () => {
    const script = 'bg u /sys/slow 0\nsleep 1000\nbgwait u 100\nbgwait u 12000';
    expect(play(script)).toEqual([{}, {}, { done: 0 }, { done: 1, ret: 1 }]);
  });

  test('a step that does not end is interrupted', () => {
    expect(last('open s /dev/stuck\nread s 8')).toEqual({ ret: -1, errno: 'EINTR', timeout: 1 });
  });

  test('variables hold numbers and texts', () => {
    const answers = play(`set n 0x15\nsetstr p ${BDF}\nbuf b 4K\nput b 0 u32:$n u64:$n+1\ndump b 0 12\ndevinfo d $p`);
    expect(answers.slice(3)).toEqual([{}, { data: '150000001600000000000000' }, {}]);
  });
});

describe('the administrator', () => {
  test('reads and writes sysfs', () => {
    const machine = fakeMachine();
    expect(play(`sysread /sys/bus/x\nsyswrite /sys/bus/y 12 3\nsyswrite /sys/none 1`, machine)).toEqual([
      { ret: 2, text: '1' },
      { ret: 4 },
      { ret: -1, errno: 'ENOENT' },
    ]);
    expect(machine.written).toEqual([['/sys/bus/y', '12 3']]);
  });

  test('binds away from the driver before, and not twice', () => {
    const machine = fakeMachine();
    const script = `bind d ${BDF} igb\nbind d ${BDF}\nbind d ${BDF}\nunbind ${BDF}\nunbind ${BDF}`;
    expect(play(script, machine)).toEqual([
      { ret: 0 },
      { ret: 0 },
      { ret: 0 },
      { ret: 12 },
      { ret: -1, errno: 'ENOENT' },
    ]);
    const device = `/sys/bus/pci/devices/${BDF}`;
    expect(machine.written).toEqual([
      [`${device}/driver_override`, 'igb'],
      ['/sys/bus/pci/drivers/igb/bind', BDF],
      [`${device}/driver_override`, 'vfio-pci'],
      [`${device}/driver/unbind`, BDF],
      ['/sys/bus/pci/drivers/vfio-pci/bind', BDF],
      [`${device}/driver/unbind`, BDF],
    ]);
  });

  test('finds the character device of what it bound', () => {
    expect(last(`bind d ${BDF}\nopen c /dev/vfio/devices/$d.cdev`)).toEqual({ ret: 'fd' });
  });
});
