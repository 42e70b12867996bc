/** A bare machine whose functions are probes: memory behind each BAR, and the device's ports in the test's hands. */
import { Hardware } from '../../sim/hardware.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import type { Extent } from '../../sim/memory.ts';
import type { FunctionDescription, IommuDescription, SlotDescription } from '../../sim/pci/description.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import type { DeviceModel, DevicePorts, ResetKind } from '../../sim/pci/model.ts';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';

/** The behaviour behind a probe's BARs: it remembers what is written and which resets came. */
export class Probe implements DeviceModel {
  readonly ports: DevicePorts;
  readonly resets: ResetKind[] = [];
  readonly cells = new Map<string, number>();
  constructor(ports: DevicePorts) {
    this.ports = ports;
  }
  read(bar: number, offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.cells.get(`${bar}:${offset + i}`) ?? 0);
    return value;
  }
  write(bar: number, offset: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) this.cells.set(`${bar}:${offset + i}`, (value >>> (8 * i)) & 0xff);
  }
  reset(kind: ResetKind): void {
    this.resets.push(kind);
    this.cells.clear();
  }
}

/** Version 2 endpoint with FLR. */
export const EXP_BODY = '02000080001000000000';

/** Where a card's structures are. */
export const CARD = {
  PM: 0x40,
  MSI: 0x50,
  EXP: 0x70,
  MSIX: 0xb0,
  AER: 0x100,
  SRIOV: 0x180,
  TABLE: 0x2000,
  PBA: 0x3000,
};

export const cardVf: FunctionDescription = {
  name: 'card VF',
  vendor: 0x1234,
  device: 0x00f1,
  class: 0x020000,
  bars: [{ index: 0, kind: 'mem64', size: 0x4000, prefetch: true }],
  capabilities: [
    { kind: 'exp', at: CARD.EXP, body: EXP_BODY },
    { kind: 'msix', at: CARD.MSIX, body: '03000020000000300000' },
  ],
  model: 'probe',
};

/** A PF with every kind of BAR, INTx, MSI with masks, MSI-X of four vectors, PM, AER and four VFs. */
export const card: FunctionDescription = {
  name: 'card PF',
  vendor: 0x1234,
  device: 0x00f0,
  class: 0x020000,
  interruptPin: 1,
  bars: [
    { index: 0, kind: 'mem32', size: 0x4000 },
    { index: 1, kind: 'io', size: 0x20 },
    { index: 2, kind: 'mem64', size: 0x100_0000, prefetch: true },
    { index: 4, kind: 'mem64', size: 0x2_0000_0000, prefetch: true },
  ],
  capabilities: [
    { kind: 'pm', at: CARD.PM, body: '030000000000' },
    { kind: 'msi', at: CARD.MSI, body: '8401' },
    { kind: 'exp', at: CARD.EXP, body: EXP_BODY },
    { kind: 'msix', at: CARD.MSIX, body: '03000020000000300000' },
    { kind: 'aer', at: CARD.AER },
    { kind: 'sriov', at: CARD.SRIOV },
  ],
  sriov: { totalVfs: 4, offset: 0x10, stride: 2, vf: cardVf },
  model: 'probe',
};

/** A single-function card; `name` tells several apart. */
export const simple = (name: string, more: Partial<FunctionDescription> = {}): FunctionDescription => ({
  name,
  vendor: 0x1234,
  device: 0x0001,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x4000 }],
  capabilities: [{ kind: 'exp', at: CARD.EXP, body: EXP_BODY }],
  model: 'probe',
  ...more,
});

export const ROOT_PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true } as const;
const ONE_CARD: readonly SlotDescription[] = [
  { ...ROOT_PORT, devfn: '01.0', below: [{ devfn: '00.0', function: card }] },
];

export class Bare {
  readonly hardware: Hardware;

  constructor(root: readonly SlotDescription[] = ONE_CARD, iommu: Partial<IommuDescription> = {}) {
    const description = {
      name: 'bare',
      iommu: { aperture: [0, 2 ** 48 - 1] as const, pageSizes: [4096], ...iommu },
      root,
    };
    this.hardware = new Hardware(description, { probe: (ports) => new Probe(ports) });
  }

  /** The function with that name of the kernel's, e.g. `01:00.0`. */
  fn(name = '01:00.0'): PciFunction {
    const found = this.hardware.functions.find((fn) => fn.name === `0000:${name}`);
    if (found === undefined) throw new Error(`no function ${name}`);
    return found;
  }

  probe(fn: PciFunction): Probe {
    return fn.model as Probe;
  }

  /** Memory of `owner`, mapped for the function at `iova`, with bus mastering on. */
  memory(fn: PciFunction, iova: number, length = 0x1000, how = { read: true, write: true }): Extent {
    const extent = this.hardware.memory.allocate(`owner of ${fn.name}`, length);
    this.domain(fn).map({ start: iova, length, physical: extent.start, ...how });
    return extent;
  }

  /** The function's own domain, attached on first use. */
  domain(fn: PciFunction): Domain {
    const { iommu } = this.hardware.fabric;
    if (iommu.domainOf(fn.aliasId) === iommu.blocked) {
      iommu.attach(fn.aliasId, new Domain('paging', fn.name));
      this.master(fn);
    }
    return iommu.domainOf(fn.aliasId);
  }

  master(fn: PciFunction, on = true): void {
    const command = fn.configRead(PCI.COMMAND, 2);
    fn.configWrite(PCI.COMMAND, 2, on ? command | COMMAND.MASTER : command & ~COMMAND.MASTER);
  }

  bytes(physical: number, length: number): number[] {
    const into = new Uint8Array(length);
    if (!this.hardware.memory.read(physical, into)) throw new Error('not memory');
    return [...into];
  }
}
