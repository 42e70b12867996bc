import { describe, expect, test } from 'vitest';
import { Oops } from '../../sim/oops.ts';
import { driver, Rig } from './rig.ts';

function buffer(length: number) {
  const rig = new Rig();
  rig.load(driver('pf', [], { ids: [{ vendor: 0x1234, device: 0x00f0 }] }));
  return rig.device('01:00.0').allocateDma(length);
}

describe('memory that a driver shares with its device', () => {
  test('holds what was written, up to its last byte', () => {
    const shared = buffer(100);
    shared.write(96, Uint8Array.of(1, 2, 3, 4));
    const read = new Uint8Array(4);
    shared.read(96, read);
    expect([...read]).toEqual([1, 2, 3, 4]);
  });

  test('crashes the kernel when it is used behind its end, though the page goes on', () => {
    const shared = buffer(100);
    expect(() => shared.write(97, new Uint8Array(4))).toThrow(Oops);
    expect(() => shared.read(100, new Uint8Array(1))).toThrow('lies outside 100 bytes');
  });

  test('crashes the kernel when it is used, or freed, after it was freed', () => {
    const shared = buffer(100);
    shared.free();
    expect(() => shared.read(0, new Uint8Array(1))).toThrow('used after it was freed');
    expect(() => shared.write(0, new Uint8Array(1))).toThrow(Oops);
    expect(() => shared.free()).toThrow(Oops);
  });
});
