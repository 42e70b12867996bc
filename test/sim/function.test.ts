import { describe, expect, test } from 'vitest';
import { COMMAND, EXP, PCI, PM, STATUS } from '../../sim/pci/registers.ts';
import { Bare, CARD, simple } from './bare.ts';

const PMCSR = CARD.PM + PM.CTRL;
const DEVCTL = CARD.EXP + EXP.DEVCTL;
const command = (bare: Bare): number => bare.fn().configRead(PCI.COMMAND, 2);

describe('decoding', () => {
  // covers: HW03
  test('a BAR answers while its kind of decoding is on, and is all ones otherwise', () => {
    const bare = new Bare();
    const fn = bare.fn();
    fn.write(0, 8, 4, 0x1234_5678);
    fn.write(1, 4, 2, 0xabcd);
    expect([fn.read(0, 8, 4), fn.read(0, 9, 2), fn.read(0, 11, 1), fn.read(1, 4, 2)]).toEqual([
      0x1234_5678, 0x3456, 0x12, 0xabcd,
    ]);
    fn.configWrite(PCI.COMMAND, 2, COMMAND.IO);
    expect([fn.read(0, 8, 4), fn.read(0, 8, 2), fn.read(0, 8, 1), fn.read(1, 4, 2)]).toEqual([
      0xffff_ffff, 0xffff, 0xff, 0xabcd,
    ]);
    fn.write(0, 8, 4, 0);
    fn.configWrite(PCI.COMMAND, 2, COMMAND.MEMORY);
    expect([fn.read(0, 8, 4), fn.read(1, 4, 2)]).toEqual([0x1234_5678, 0xffff]);
  });

  // covers: HW03 HW10
  test('in D3hot BARs do not answer, and configuration does', () => {
    const bare = new Bare();
    const fn = bare.fn();
    fn.write(0, 8, 4, 5);
    fn.configWrite(PMCSR, 2, 3);
    expect(fn.read(0, 8, 4)).toBe(0xffff_ffff);
    fn.write(0, 8, 4, 6);
    expect(fn.configRead(PCI.VENDOR_ID, 2)).toBe(0x1234);
    expect(fn.configRead(PMCSR, 2) & 3).toBe(3);
    expect(bare.probe(fn).cells.get('0:8')).toBe(5);
  });
});

describe('resets', () => {
  // covers: HW09 RS11
  test('FLR clears command, BARs and device, and leaves what is read-only', () => {
    const bare = new Bare();
    const fn = bare.fn();
    bare.master(fn);
    fn.write(0, 8, 4, 5);
    fn.configWrite(DEVCTL, 2, 0x8000);
    expect(command(bare)).toBe(0);
    expect([0, 1, 2, 3].map((i) => fn.configRead(PCI.BASE_ADDRESS_0 + 4 * i, 4))).toEqual([0, 1, 0xc, 0]);
    expect(fn.configRead(DEVCTL, 2) & 0x8000).toBe(0);
    expect(fn.configRead(PCI.VENDOR_ID, 2)).toBe(0x1234);
    expect(bare.probe(fn).resets).toEqual(['flr']);
    expect(bare.probe(fn).cells.size).toBe(0);
  });

  // covers: HW09 RS11
  test.each(['flr', 'pm', 'bus'] as const)('%s leaves sticky bits as they are: PME, AER and its header log', (kind) => {
    const fn = new Bare().fn();
    const [STATUS_AT, MASK_AT, LOG_AT, MSI_FLAGS] = [CARD.AER + 4, CARD.AER + 8, CARD.AER + 0x1c, CARD.MSI + 2];
    fn.configWrite(MASK_AT, 4, 0x0010_0000);
    fn.config.set(STATUS_AT, 4, 0x0004_0000);
    fn.config.set(LOG_AT, 4, 0x1234_5678);
    fn.config.set(PMCSR, 2, 0x8100);
    fn.configWrite(MSI_FLAGS, 2, 0x0021);
    fn.configWrite(PCI.INTERRUPT_LINE, 1, 0x0b);
    fn.reset(kind);
    expect([MASK_AT, STATUS_AT, LOG_AT].map((at) => fn.configRead(at, 4))).toEqual([
      0x0010_0000, 0x0004_0000, 0x1234_5678,
    ]);
    expect(fn.configRead(PMCSR, 2)).toBe(0x8100);
    expect([fn.configRead(MSI_FLAGS, 2) & 0x71, fn.configRead(PCI.INTERRUPT_LINE, 1)]).toEqual([0, 0]);
  });

  test('a device control write without the bit resets nothing', () => {
    const bare = new Bare();
    bare.fn().configWrite(DEVCTL, 2, 0x0010);
    expect(bare.probe(bare.fn()).resets).toEqual([]);
  });

  test('work that was under way before a reset does not happen after it', () => {
    const bare = new Bare();
    const fn = bare.fn();
    let happened = '';
    bare.probe(fn).ports.later(100, () => (happened += 'old'));
    fn.reset('flr');
    bare.probe(fn).ports.later(100, () => (happened += 'new'));
    bare.hardware.scheduler.settle();
    expect(happened).toBe('new');
  });

  // covers: HW10
  test('leaving D3hot without No_Soft_Reset loses BARs and device state', () => {
    const bare = new Bare();
    const fn = bare.fn();
    fn.configWrite(PMCSR, 2, 3);
    expect(fn.configRead(PCI.BASE_ADDRESS_0, 4)).not.toBe(0);
    fn.configWrite(PMCSR, 2, 0);
    expect(fn.configRead(PCI.BASE_ADDRESS_0, 4)).toBe(0);
    expect(bare.probe(fn).resets).toEqual(['pm']);
  });

  // covers: HW10
  test('leaving D3hot with No_Soft_Reset keeps them', () => {
    const capabilities = [{ kind: 'pm', at: CARD.PM, body: '030008000000' }];
    const bare = new Bare([{ devfn: '02.0', function: simple('kept', { capabilities }) }]);
    const fn = bare.fn('00:02.0');
    const before = fn.configRead(PCI.BASE_ADDRESS_0, 4);
    fn.write(0, 0, 4, 7);
    fn.configWrite(PMCSR, 2, 3);
    fn.configWrite(PMCSR, 2, 0);
    expect(fn.configRead(PCI.BASE_ADDRESS_0, 4)).toBe(before);
    expect(fn.read(0, 0, 4)).toBe(7);
    expect(bare.probe(fn).resets).toEqual([]);
  });

  test('every reset is told to whoever watches the fabric', () => {
    const bare = new Bare();
    const seen: string[] = [];
    bare.hardware.fabric.events.on('reset', ({ target, kind }) => seen.push(`${target.name} ${kind}`));
    bare.fn().configWrite(DEVCTL, 2, 0x8000);
    bare.fn().configWrite(PMCSR, 2, 3);
    bare.fn().configWrite(PMCSR, 2, 0);
    expect(seen).toEqual(['0000:01:00.0 flr', '0000:01:00.0 pm']);
  });
});

describe('INTx', () => {
  // covers: HW07
  test('the status bit follows the device whether or not the pin is disabled', () => {
    const bare = new Bare();
    const fn = bare.fn();
    let handled = 0;
    fn.intx.onRise = () => handled++;
    const { interrupts } = bare.probe(fn).ports;
    fn.configWrite(PCI.COMMAND, 2, COMMAND.INTX_DISABLE);
    interrupts.level(true);
    expect(fn.configRead(PCI.STATUS, 2) & STATUS.INTERRUPT).toBe(STATUS.INTERRUPT);
    expect([fn.intx.asserted, handled]).toEqual([false, 0]);
    fn.configWrite(PCI.COMMAND, 2, 0);
    expect([fn.intx.asserted, handled]).toEqual([true, 1]);
    interrupts.level(false);
    expect(fn.configRead(PCI.STATUS, 2) & STATUS.INTERRUPT).toBe(0);
    expect([fn.intx.asserted, handled]).toEqual([false, 1]);
  });

  // covers: HW07
  test('a reset deasserts the pin', () => {
    const bare = new Bare();
    const fn = bare.fn();
    bare.probe(fn).ports.interrupts.level(true);
    expect(fn.intx.asserted).toBe(true);
    fn.reset('flr');
    expect(fn.intx.asserted).toBe(false);
    expect(fn.configRead(PCI.STATUS, 2) & STATUS.INTERRUPT).toBe(0);
  });
});
