/** A function from what lspci prints: the recorded nvme controller, read back from its own bytes. */
import { describe, expect, test } from 'vitest';
import { Hardware } from '../../sim/hardware.ts';
import { recorded, vtd } from '../../sim/machines/recorded.ts';
import type { FunctionDescription } from '../../sim/pci/description.ts';
import { describeDump } from '../../sim/pci/dump.ts';
import { EXT_CAP, PCI } from '../../sim/pci/registers.ts';

const built = (fn: FunctionDescription) =>
  new Hardware({ name: 'one', iommu: vtd, root: [{ devfn: '01.0', function: fn }] }, {}).functions[0]!;
/** The controller as firmware left it, with messages on and asleep as a driver may have left it. */
const original = new Hardware({ ...recorded, root: [recorded.root[4]!] }, {}).functions[0]!;
const bytes = Uint8Array.from(original.config.bytes);

function dumped(title: string, data: Uint8Array, length: number = data.length): string {
  const rows = [title];
  for (let at = 0; at < length; at += 16)
    rows.push(
      `${at.toString(16).padStart(2, '0')}: ${Buffer.from(data.subarray(at, at + 16))
        .toString('hex')
        .replace(/(..)(?!$)/g, '$1 ')}`,
    );
  return `${rows.join('\n')}\n`;
}
const TITLE = '02:00.0 Non-Volatile memory controller: An NVMe controller (rev 02)';
const SIZE = '\tMemory at fe600000 (64-bit, non-prefetchable) [size=16K]\n';

describe('a dump', () => {
  test('makes a function with the same configuration space, but for its VFs', () => {
    const again = built(describeDump(`${TITLE}\n${SIZE}${dumped('', bytes)}`));
    const expected = Uint8Array.from(bytes);
    const sriov = original.capability(EXT_CAP.SRIOV, true);
    expected.fill(0, sriov, sriov + 0x40);
    // ARI is now the last of the list.
    expected[0x103] = 0;
    expected[0x102] = 1;
    const actual = Uint8Array.from(again.config.bytes);
    // Firmware places and turns on what it finds; COMMAND is its business.
    for (const each of [expected, actual]) each.fill(0, PCI.COMMAND, PCI.COMMAND + 2);
    expect(Buffer.from(actual).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
    expect(again.template.bars[0]).toMatchObject({ kind: 'mem64', size: 0x4000, address: 0xfe60_0000 });
    expect(again.name).toBe('0000:00:01.0');
  });

  test('tells what a driver had switched on, and it is off again', () => {
    const live = Uint8Array.from(bytes);
    live[0x43]! |= 0x80;
    live[0x64]! |= 3;
    const fn = built(describeDump(dumped(TITLE, live)));
    expect([fn.configRead(0x42, 2) & 0x8000, fn.configRead(0x64, 2) & 3]).toEqual([0, 0]);
  });

  test('has the registers of its extended capabilities, though standard ones have the same numbers', () => {
    const withAer = Uint8Array.from(bytes);
    new DataView(withAer.buffer).setUint32(0x100, 0x0002_0001, true);
    const fn = built(describeDump(dumped(TITLE, withAer)));
    expect(fn.capability(EXT_CAP.ERR, true)).toBe(0x100);
    for (const [at, writable] of [
      [0x04, 0],
      [0x08, 0x03ff_f030],
      [0x14, 0xf1c1],
    ] as const) {
      fn.configWrite(0x100 + at, 4, 0xffff_ffff);
      expect(fn.configRead(0x100 + at, 4)).toBe(writable);
    }
  });

  test('of 256 bytes is a conventional function', () => {
    const fn = describeDump(dumped(TITLE, bytes, 256));
    expect([fn.configSize, fn.capabilities!.length, fn.bars![0]!.size]).toEqual([256, 3, 0x1000]);
  });

  test.each([
    ['nothing', 'no dump', 'a dump has 64, 256 or 4096 bytes, and this has 0'],
    ['a row that is missing', dumped(TITLE, bytes).replace(/\n10: .*/, ''), 'the row after 10 is missing in the dump'],
    ['half of it', dumped(TITLE, bytes, 128), 'a dump has 64, 256 or 4096 bytes, and this has 128'],
  ])('of %s is refused in words', (_what, text, words) => {
    expect(() => describeDump(text)).toThrow(words);
  });

  test('of a bridge, or with a list that never ends, is refused', () => {
    const bridge = Uint8Array.from(bytes);
    bridge[PCI.HEADER_TYPE] = 1;
    expect(() => describeDump(dumped(TITLE, bridge))).toThrow('bridge');
    const loop = Uint8Array.from(bytes);
    loop[0x61] = 0x40;
    expect(() => describeDump(dumped(TITLE, loop))).toThrow('comes back');
  });
});
