import { describe, expect, it } from 'vitest';
import { reportError } from '../../src/kernel/pci/aer.ts';
import { VfioPci } from '../../src/pci-core/vfio-pci.ts';
import { Bench, type Opened } from '../pci-core/bench.ts';

const UNCOR_STATUS = 0x104;
const UNCOR_MASK = 0x108;
const COR_STATUS = 0x110;
const COMPLETION_TIMEOUT = 0x4000;
const BAD_TLP = 0x40;

const registry = { registerDevice: () => 0, *unregisterDevice() {} };

/** A device of vfio-pci, with an eventfd for errors. */
function assigned(): { device: Opened; errors: () => bigint } {
  const bench = new Bench();
  const pdev = bench.pdev('0000:01:00.0');
  pdev.driver = new VfioPci(registry).driver;
  const device = bench.open(pdev);
  const { fd, counter } = bench.eventfd();
  device.setIrqs(0x24, 3, 0, 1, [fd]);
  return { device, errors: () => counter.drain() };
}

describe('an error that a function reports', () => {
  // covers: HW21
  it('reaches the user if it is uncorrectable, and its status is cleared', () => {
    const { device, errors } = assigned();
    expect(reportError(device.core.pdev, { kind: 'uncorrectable', status: COMPLETION_TIMEOUT })).toBe(true);
    expect([errors(), device.config(UNCOR_STATUS, 4)]).toEqual([1n, 0]);
  });

  it('stays with the kernel if it is correctable', () => {
    const { device, errors } = assigned();
    expect(reportError(device.core.pdev, { kind: 'correctable', status: BAD_TLP })).toBe(false);
    expect([errors(), device.config(COR_STATUS, 4)]).toEqual([0n, 0]);
  });

  // covers: HW21
  it('is only to be seen in the status register if the user masked it, until a reset', () => {
    const { device, errors } = assigned();
    device.setConfig(UNCOR_MASK, 4, COMPLETION_TIMEOUT);
    expect(reportError(device.core.pdev, { kind: 'uncorrectable', status: COMPLETION_TIMEOUT })).toBe(false);
    expect([errors(), device.config(UNCOR_STATUS, 4)]).toEqual([0n, COMPLETION_TIMEOUT]);
    expect(device.ioctl(0x3b6f, [])).toBe(0);
    expect([device.config(UNCOR_STATUS, 4), device.config(UNCOR_MASK, 4)]).toEqual([0, COMPLETION_TIMEOUT]);
  });

  it('is nobody’s where the function cannot report', () => {
    const pdev = new Bench().pdev('0000:00:02.0');
    expect(reportError(pdev, { kind: 'uncorrectable', status: COMPLETION_TIMEOUT })).toBe(false);
  });
});
