/** The hardware of one machine, assembled from its description: memory, IOMMU, fabric, buses and functions. */
import { Fabric } from './fabric.ts';
import { InterruptController } from './interrupts.ts';
import { Iommu } from './iommu/iommu.ts';
import { type PagePool, PhysicalMemory } from './memory.ts';
import type { FunctionDescription, MachineDescription, SlotDescription } from './pci/description.ts';
import { PciFunction, ROM_WINDOW } from './pci/function.ts';
import { inert, type ModelFactory } from './pci/model.ts';
import type { Place } from './pci/place.ts';
import { ACS_BITS, EXT_CAP, HEADER_TYPE, PCI, SRIOV } from './pci/registers.ts';
import { templateOf } from './pci/template.ts';
import { type Bridge, Topology } from './pci/topology.ts';
import { Scheduler } from './scheduler.ts';

/** Device models by the name a description uses. */
export type ModelTable = Readonly<Record<string, ModelFactory>>;

/** ACS controls Linux turns on where it may (drivers/pci/pci.c: pci_std_enable_acs). */
const ACS_ENABLED = ACS_BITS.SV | ACS_BITS.RR | ACS_BITS.CR | ACS_BITS.UF;

/** One machine’s hardware. An unknown model name throws. */
export class Hardware {
  readonly description: MachineDescription;
  readonly scheduler = new Scheduler();
  readonly memory: PhysicalMemory;
  readonly fabric: Fabric;
  readonly topology = new Topology();
  private readonly models: ModelTable;
  /** Next free physical address for 32-bit memory, I/O and 64-bit memory BARs: firmware's allocation. */
  private mmio32 = 0x8000_0000;
  private io = 0x1000;
  private mmio64 = 0x80_0000_0000;
  private nextBus = 1;
  /** VFs once built stay the same silicon: switching them off and on again resets them. */
  private readonly dormant = new Map<PciFunction, PciFunction[]>();

  constructor(description: MachineDescription, models: ModelTable, fill = 0, pool?: PagePool) {
    this.description = description;
    this.models = models;
    this.memory = new PhysicalMemory(fill, pool);
    const iommu = new Iommu(description.iommu);
    const interrupts = new InterruptController(description.iommu?.interruptRemapping ?? iommu.present);
    this.fabric = new Fabric(this.memory, iommu, interrupts, this.topology);
    this.populate(description.root, 0, undefined, undefined);
  }

  /** Functions present now, lowest requester id first. */
  get functions(): PciFunction[] {
    return [...this.topology.functions.values()].sort((a, b) => a.id - b.id);
  }

  private populate(slots: readonly SlotDescription[], bus: number, parent: Bridge | undefined, alias?: number): void {
    for (const slot of slots) {
      const id = (bus << 8) | devfn(slot.devfn);
      if ('function' in slot) {
        const fn = this.build(slot.function, { id, aliasId: alias ?? id });
        const device = slot.devfn.split('.')[0];
        const several = slots.filter((other) => other.devfn.split('.')[0] === device).length > 1;
        if (several) fn.config.set(PCI.HEADER_TYPE, 1, HEADER_TYPE.MFD);
        continue;
      }
      const secondary = this.nextBus++;
      const acs = (slot.acs ?? 0) & ACS_ENABLED;
      const bridge: Bridge = { id, description: slot, secondary, parent, acs };
      this.topology.addBridge(bridge);
      // Behind a PCIe-to-PCI bridge every requester is seen as function 0 of the secondary bus (PCI-PCIe bridge spec 2.3).
      this.populate(slot.below, secondary, bridge, slot.kind === 'pcie-to-pci' ? secondary << 8 : alias);
    }
  }

  private build(description: FunctionDescription, place: Place): PciFunction {
    const template = templateOf(description, place.physical !== undefined);
    const name = description.model;
    const factory = name === undefined ? inert : this.models[name];
    if (factory === undefined) throw new Error(`no device model is called ${name}`);
    const fn = new PciFunction(template, place, factory, this.fabric, this.scheduler);
    if (place.physical === undefined) this.assign(fn);
    else this.slice(fn, place.physical, place.vf!);
    this.topology.add(fn);
    if (description.sriov) fn.onVfEnable = (enabled) => this.setVfs(fn, enabled);
    return fn;
  }

  /** Firmware: gives each BAR an address and turns decoding on. */
  private assign(fn: PciFunction): void {
    let command = fn.config.read(PCI.COMMAND, 2);
    fn.template.bars.forEach((bar, index) => {
      if (bar === undefined) return;
      const at = PCI.BASE_ADDRESS_0 + 4 * index;
      const address = bar.address ?? this.place(bar.kind, bar.size, bar.prefetch ?? false);
      fn.windows[index] = address;
      fn.config.set(at, 4, ((address >>> 0) | (fn.config.read(at, 4) & 0xf)) >>> 0);
      if (bar.kind === 'mem64') fn.config.set(at + 4, 4, Math.floor(address / 2 ** 32));
      command |= bar.kind === 'io' ? 1 : 2;
    });
    fn.config.set(PCI.COMMAND, 2, command);
    const { rom } = fn.template.description;
    if (rom !== undefined) {
      const address = rom.address ?? this.place('mem32', rom.size, false);
      fn.config.set(PCI.ROM_ADDRESS, 4, address);
      fn.windows[ROM_WINDOW] = address;
    }
    fn.config.set(PCI.INTERRUPT_LINE, 1, fn.template.description.interruptLine ?? 0);
    const sriov = fn.template.description.sriov;
    const cap = fn.capability(EXT_CAP.SRIOV, true);
    for (const bar of sriov?.vf.bars ?? []) {
      const address = bar.address ?? this.place(bar.kind, bar.size * sriov!.totalVfs, bar.prefetch ?? false);
      const at = cap + SRIOV.BAR + 4 * bar.index;
      fn.config.set(at, 4, ((address >>> 0) | (fn.config.read(at, 4) & 0xf)) >>> 0);
      if (bar.kind === 'mem64') fn.config.set(at + 4, 4, Math.floor(address / 2 ** 32));
    }
  }

  private place(kind: 'mem32' | 'mem64' | 'io', size: number, prefetch: boolean): number {
    const align = (value: number): number => Math.ceil(value / size) * size;
    if (kind === 'io') {
      const start = align(this.io);
      this.io = start + size;
      return start;
    }
    // Sub-page BARs get a page of their own, as vfio needs to map them.
    if (kind === 'mem64' && prefetch) {
      const start = align(this.mmio64);
      this.mmio64 = start + Math.max(size, 4096);
      return start;
    }
    const start = align(this.mmio32);
    this.mmio32 = start + Math.max(size, 4096);
    return start;
  }

  /** VF n's BARs are slice n of the PF's VF BARs (9.3.3.14). */
  private slice(fn: PciFunction, physical: PciFunction, index: number): void {
    const cap = physical.capability(EXT_CAP.SRIOV, true);
    for (const bar of fn.template.description.bars ?? []) {
      const at = cap + SRIOV.BAR + 4 * bar.index;
      let base = (physical.config.read(at, 4) & ~0xf) >>> 0;
      if (bar.kind === 'mem64') base += physical.config.read(at + 4, 4) * 2 ** 32;
      fn.windows[bar.index] = base + index * bar.size;
    }
  }

  /** VF Enable: the VFs appear, or vanish (9.3.3.3.1). */
  private setVfs(physical: PciFunction, enabled: boolean): void {
    for (const vf of physical.virtuals.splice(0)) {
      this.topology.remove(vf);
      vf.reset('bus');
    }
    if (!enabled) return;
    let dormant = this.dormant.get(physical);
    if (dormant === undefined) this.dormant.set(physical, (dormant = []));
    const cap = physical.capability(EXT_CAP.SRIOV, true);
    const count = physical.config.read(cap + SRIOV.NUM_VF, 2);
    const { offset, stride, vf } = physical.template.description.sriov!;
    for (let index = 0; index < count; index++) {
      const id = physical.id + offset + index * stride;
      const known = dormant[index];
      if (known === undefined) dormant[index] = this.build(vf, { id, aliasId: id, physical, vf: index });
      else {
        this.slice(known, physical, index);
        this.topology.add(known);
      }
      physical.virtuals.push(dormant[index]!);
    }
  }
}

/** `dd.f` to the low 8 bits of a requester id. */
function devfn(text: string): number {
  const [device, fn] = text.split('.');
  return (Number.parseInt(device!, 16) << 3) | Number.parseInt(fn ?? '0', 16);
}
