import { describe, expect, test } from 'vitest';
import { compare } from '../../src/trace/compare.ts';
import { bitsWithoutAddresses } from '../../src/trace/config-addresses.ts';
import type { Context, Outcome } from '../../src/trace/index.ts';
import { type MachineView, masksFor } from '../../src/trace/not-compared.ts';
import { VFIO } from '../../src/uapi/vfio.ts';

/** Configuration spaces that tests look into, by function. */
const spaces = new Map<string, Uint8Array>();

const QUIET: MachineView = {
  liveRegisters: () => false,
  isVirtual: () => false,
  configSpace: (bdf) => spaces.get(bdf),
};

function judge(context: Context, expected: Outcome, actual: Outcome, machine: MachineView = QUIET): string {
  return compare(expected, actual, masksFor(context, expected, machine)).verdict;
}

/** A type 0 function with a 64-bit BAR 0, an I/O BAR 2, and a 64-bit MSI capability at 0x40. */
function config(): Uint8Array {
  const bytes = new Uint8Array(256);
  bytes[0x06] = 0x10;
  bytes.set([0x04, 0, 0xa0, 0xfe, 0x01], 0x10);
  bytes.set([0x21, 0xc0], 0x18);
  bytes[0x34] = 0x40;
  bytes.set([0x05, 0, 0x80, 0], 0x40);
  return bytes;
}

function raw(bytes: Uint8Array, offset: number, length: number): [Context, Outcome] {
  const data = Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
  spaces.set('x', bytes);
  return [
    { handle: { kind: 'config', device: 'x' }, offset },
    { ret: length, data },
  ];
}

function order([context, actual]: [Context, Outcome], expected: Outcome): [Context, Outcome, Outcome] {
  return [context, expected, actual];
}

function changed(changes: Record<number, number>, offset = 0, length = 256): string {
  const other = config();
  for (const [at, value] of Object.entries(changes)) other[Number(at)] = value;
  const [, expected] = raw(other, offset, length);
  return judge(...order(raw(config(), offset, length), expected));
}

describe('two answers', () => {
  test('are identical when every field is', () => {
    expect(judge({}, { ret: 0, out: '00**' }, { ret: 0, out: '00**' })).toBe('identical');
    expect(judge({}, {}, {})).toBe('identical');
  });

  test.each<[Outcome, Outcome]>([
    [{ ret: 0 }, { ret: 1 }],
    [
      { ret: -1, errno: 'EINVAL' },
      { ret: -1, errno: 'ENOTTY' },
    ],
    [
      { ret: 0, out: '00' },
      { ret: 0, out: '00', same: 1 },
    ],
    [
      { ret: 0, out: '00' },
      { ret: 0, out: '00', beyond: '01' },
    ],
    [
      { ret: 0, value: '0x1' },
      { ret: -1, signal: 'SIGBUS' },
    ],
    [{ probe: [[0, '00']] }, { probe: [[0, '01']] }],
    [
      { ret: 2, data: '0000' },
      { ret: 2, data: '00' },
    ],
  ])('%j and %j differ', (expected, actual) => {
    expect(judge({}, expected, actual)).toBe('different');
  });
});

describe('addresses in a raw configuration space', () => {
  test('are not compared, wherever the capabilities are', () => {
    expect(changed({ 18: 0x24, 20: 0x02, 25: 0xd0 })).toBe('identical');
    expect(changed({ 68: 0x10, 70: 0xe0, 72: 1, 76: 0x22 })).toBe('identical');
  });

  test('do not hide the type bits beside them, nor anything else', () => {
    expect(changed({ 16: 0x0c })).toBe('different');
    expect(changed({ 24: 0x20 })).toBe('different');
    expect(changed({ 78: 1 })).toBe('different');
    expect(changed({ 4: 7 })).toBe('different');
  });

  test('make a read of nothing else not compared', () => {
    expect(changed({ 68: 0x10 }, 0x44, 4)).toBe('notCompared');
    expect(changed({}, 0x44, 4)).toBe('notCompared');
    const [context, actual] = raw(config(), 0x44, 4);
    expect(judge(context, { ret: -1, errno: 'EIO' }, actual)).toBe('different');
  });

  test('are compared when they are read through a device', () => {
    const [, answer] = raw(config(), 0, 256);
    expect(judge({ handle: { kind: 'device', device: 'x' } }, answer, { ...answer, data: '00'.repeat(256) })).toBe(
      'different',
    );
  });

  test('are found in the SR-IOV capability and in a bridge', () => {
    const function0 = new Uint8Array(4096);
    function0.set([0x10, 0, 0x01, 0], 0x100);
    expect(bitsWithoutAddresses(function0).subarray(0x124, 0x129)).toEqual(Uint8Array.of(0x0f, 0, 0, 0, 0x0f));
    const bridge = new Uint8Array(256);
    bridge[0x0e] = 1;
    expect(bitsWithoutAddresses(bridge).subarray(0x1a, 0x24)).toEqual(
      Uint8Array.of(0xff, 0xff, 0x0f, 0x0f, 0xff, 0xff, 0x0f, 0, 0x0f, 0),
    );
  });
});

describe('live registers', () => {
  const live: MachineView = { ...QUIET, liveRegisters: (bdf) => bdf === 'nic' };
  const bar: Context = { handle: { kind: 'device', device: 'nic' }, offset: 2 ** 40 * 3 + 8 };

  test('are not compared, but whether they could be read is', () => {
    expect(judge(bar, { ret: 4, data: '01000000' }, { ret: 4, data: '02000000' }, live)).toBe('notCompared');
    expect(judge(bar, { ret: 0, value: '0x1' }, { ret: 0, value: '0x234' }, live)).toBe('notCompared');
    expect(judge(bar, { ret: 4, data: '01000000' }, { ret: -1, errno: 'EIO' }, live)).toBe('different');
    expect(judge(bar, { ret: 4, data: '01000000' }, { ret: 4, data: '0200' }, live)).toBe('different');
  });

  test('are those of BARs of such a device only', () => {
    const [expected, actual] = [
      { ret: 1, data: '01' },
      { ret: 1, data: '02' },
    ];
    expect(judge({ ...bar, offset: 2 ** 40 * 7 }, expected, actual, live)).toBe('different');
    expect(judge(bar, expected, actual)).toBe('different');
  });
});

describe('group numbers', () => {
  const virtual: MachineView = { ...QUIET, isVirtual: (bdf) => bdf === '0000:01:10.0' };
  const context: Context = { handle: { kind: 'device' }, request: VFIO.DEVICE_GET_PCI_HOT_RESET_INFO };
  const info = (flags: string, pf: string, vf: string): Outcome => ({
    ret: 0,
    out: `c8000000${flags}00000002000000${pf}00000000000100${vf}00000000000180`,
  });

  test('of virtual functions are not compared, those of others are', () => {
    expect(judge(context, info('00', '10', '18'), info('00', '10', '19'), virtual)).toBe('identical');
    expect(judge(context, info('00', '10', '18'), info('00', '11', '18'), virtual)).toBe('different');
  });

  test('are not confused with device ids', () => {
    expect(judge(context, info('01', '10', '18'), info('01', '10', '19'), virtual)).toBe('different');
  });
});
