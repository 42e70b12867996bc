import { describe, expect, test } from 'vitest';
import { InputError, parseScript, parseStep } from '../../src/trace/index.ts';
import type { VERBS } from '../../src/trace/step.ts';

/** One line for every verb. */
const EXAMPLES: Record<keyof typeof VERBS, string> = {
  open: 'open g /dev/vfio/$d.group ro nonblock',
  close: 'close g',
  dup: 'dup h g',
  set: 'set hw $pt',
  setstr: 'setstr name a text with spaces',
  ioctl: 'ioctl i IOMMU_FAULT_QUEUE_ALLOC u32:16 u32:0 u32:0 u32:0 >fq:u32@8 >fqfd:fd@12',
  ioctlv: 'ioctlv c VFIO_SET_IOMMU 3',
  pread: 'pread dev r7+0x10 4 >sv',
  pwrite: 'pwrite dev r7+0x10 hex:$sv',
  read: 'read x 16',
  write: 'write i hex:00',
  probe: 'probe dev r7 0 4096 4 4',
  eventfd: 'eventfd e0 1',
  efdread: 'efdread e0 200',
  efdwrite: 'efdwrite e0 1',
  poll: 'poll x 0',
  mmap: 'mmap m dev r0+4096 0x1000 rw private',
  munmap: 'munmap m',
  munmapall: 'munmapall',
  peek: 'peek m 0 4',
  poke: 'poke m 0 4 0xff',
  buf: 'buf b 8M 0x77',
  memfd: 'memfd mf 1M',
  put: 'put b 0 u64:0',
  fill: 'fill b 64 ff:64 pad:8 str:name',
  dump: 'dump b 0x10000 32',
  sysread: 'sysread /sys/x >text',
  syswrite: 'syswrite /sys/x one two',
  bg: 'bg u /sys/bus/pci/drivers/vfio-pci/unbind 0000:00:03.0',
  bgwait: 'bgwait u 100',
  sleep: 'sleep 300',
  rlimit: 'rlimit 0x40000000',
  bind: 'bind pf 0000:01:00.0 igb',
  unbind: 'unbind 0000:01:00.0',
  devinfo: 'devinfo d 0000:07:00.0',
  mdev: 'mdev d /sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001',
};

describe('the script language', () => {
  test.each(Object.entries(EXAMPLES))('reads %s', (verb, source) => {
    const step = parseStep(source, 7);
    expect(step).toMatchObject({ line: 7, source, verb });
  });

  test('keeps operands, modes, fields, outputs and text apart', () => {
    expect(parseStep(EXAMPLES.open, 1)).toMatchObject({
      words: ['g', '/dev/vfio/$d.group'],
      modes: ['ro', 'nonblock'],
    });
    expect(parseStep(EXAMPLES.ioctl, 1)).toMatchObject({
      words: ['i', 'IOMMU_FAULT_QUEUE_ALLOC'],
      fields: [16, 0, 0, 0].map((value) => ({ type: 'u32', text: String(value) })),
      outputs: [
        { variable: 'fq', at: { type: 'u32', offset: 8 } },
        { variable: 'fqfd', at: { type: 'fd', offset: 12 } },
      ],
    });
    expect(parseStep(EXAMPLES.syswrite, 1)).toMatchObject({ words: ['/sys/x'], text: 'one two' });
    expect(parseStep(EXAMPLES.setstr, 1).text).toBe('a text with spaces');
    expect(parseStep(EXAMPLES.mmap, 1).modes).toEqual(['private']);
  });

  test('counts lines as the file does, over comments and empty lines', () => {
    const steps = parseScript('# comment\n\nclose a\n  # another\nclose b\n', 'x.vs');
    expect(steps.map(({ line, source }) => [line, source])).toEqual([
      [3, 'close a'],
      [5, 'close b'],
    ]);
  });

  test.each([
    ['jump x', "unknown verb 'jump'"],
    ['pread dev', "'pread' needs fd, number, number"],
    ['close a b', "'close' does not take 'b'"],
    ['ioctl dev VFIO_NONSENSE', "'VFIO_NONSENSE' is not a known ioctl request"],
    ['ioctl dev 0x3b64 u33:1', "'u33:1' is not a field"],
    ['ioctl dev 0x3b64 u32:two', "'two' is not a value of type u32"],
    ['pwrite dev 0 hex:123', "'123' is not a value of type hex"],
    ['ioctl dev 0x3b64 >x:u32', "'>x:u32' is not an output"],
    ['ioctl dev 0x3b64 >x:ptr@0', "'ptr' is not a type of an output"],
    ['pread dev 12Q 4', "'12Q' is not a number"],
    ['mmap m dev 0 4096 shared', "'shared' is not a protection"],
  ])('names the line and the mistake in: %s', (source, complaint) => {
    const parse = (): unknown => parseScript(`close a\n${source}\n`, 'x.vs');
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(`x.vs:2: ${complaint}`);
  });
});
