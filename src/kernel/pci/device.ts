/**
 * A PCI device as the kernel sees it (struct pci_dev), and what it lends to the driver bound to it: configuration
 * space, BARs, DMA buffers and interrupt vectors of this device, and of no other.
 */
import type { Hardware } from '../../../sim/hardware.ts';
import type { Vector } from '../../../sim/interrupts.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { Mutex } from '../../../sim/mutex.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Quad } from '../../../sim/pci/model.ts';
import { BAR, CAP, EXP, EXT_CAP, PCI } from '../../../sim/pci/registers.ts';
import type { Bridge } from '../../../sim/pci/topology.ts';
import type { Scheduler } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { FaultInjection } from '../fault-injection.ts';
import type { IommuGroup } from '../iommu-group.ts';
import type { PciBus } from './bus.ts';
import { type DmaBuffer, MappedExtent } from './dma-buffer.ts';
import type { PciDriver } from './driver.ts';
import { readSriov, type SriovRegisters } from './sriov.ts';

/** A resource: bytes of bus address space behind a BAR. Start 0 and length 0: none. */
export interface Resource {
  readonly start: number;
  readonly length: number;
  readonly io: boolean;
  readonly prefetch: boolean;
  readonly wide: boolean;
}

const NONE: Resource = { start: 0, length: 0, io: false, prefetch: false, wide: false };
/** Index of the expansion ROM among the resources. */
export const ROM_RESOURCE = 6;
/** IORESOURCE_ROM_SHADOW: firmware's copy of the boot display's ROM (arch/x86/pci/fixup.c: pci_fixup_video). */
const SHADOW_ROM: Resource = { ...NONE, start: 0xc_0000, length: 0x2_0000 };

/** Registers of one BAR, as ioremap gives them. Widths 1, 2, 4; all ones when the device does not answer. */
export interface BarAccess {
  read(offset: number, width: number): number;
  write(offset: number, width: number, value: number): void;
  /** readq and writeq; without these 64 bits are moved in halves, low first. */
  read8?(offset: number): Quad;
  write8?(offset: number, value: Quad): void;
}

/** One device. A driver gets this, and nothing of the machine beside it. */
export class PciDevice {
  readonly function: PciFunction;
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  readonly cfgSize: number;
  readonly resources: readonly Resource[];
  /** The PF of a VF (pci_physfn). */
  readonly physfn: PciDevice | undefined;
  /** VF index, 0-based (pci_iov_vf_id); -1 for others. */
  readonly vfId: number;
  readonly virtfns: PciDevice[] = [];
  /** VFs: COMMAND has no memory bit, decode belongs to the PF. */
  readonly noCommandMemory: boolean;
  /** INTX_DISABLE did not toggle at enumeration. */
  readonly brokenIntxMasking: boolean;
  /** device_lock: reset, bind and unbind hold it. */
  readonly lock: Mutex;
  group: IommuGroup | undefined;
  driver: PciDriver | undefined;
  driverOverride: string | undefined;
  /** dev_set_drvdata. */
  driverData: unknown;
  /** Number of VFs enabled. */
  numVfs = 0;
  sriovDriversAutoprobe = true;
  /** What a reset of a PF loses and the kernel puts back. */
  readonly sriov: SriovRegisters | undefined;
  /** A user's reset holds the translation of ATS functions: attach answers EBUSY. */
  resetting = false;
  enableCount = 0;
  /** pci_dev.msi_enabled, with the logarithm of the vectors and the message: the kernel's view, which a reset goes by. */
  msi: { readonly multiple: number; readonly address: number; readonly data: number } | undefined;
  /** pci_dev.msix_enabled. */
  msixEnabled = false;
  /** The MSI-X table as the kernel wrote it; undefined: it has written none. */
  msixTable: Uint8Array | undefined;
  /** Names of the reset methods that the administrator chose; undefined: the kernel's order. */
  resetOrder: readonly string[] | undefined;
  /** The bus it was found on. */
  readonly bus: PciBus;
  private readonly hardware: Hardware;

  constructor(hardware: Hardware, fn: PciFunction, physfn: PciDevice | undefined, bus: PciBus) {
    this.hardware = hardware;
    this.bus = bus;
    this.function = fn;
    this.name = fn.name;
    this.physfn = physfn;
    this.vfId = fn.vf ?? -1;
    const d = fn.template.description;
    this.vendor = physfn?.vendor ?? d.vendor;
    this.device = d.device;
    this.cfgSize = fn.template.size;
    this.noCommandMemory = physfn !== undefined;
    this.brokenIntxMasking =
      physfn === undefined &&
      ((fn.template.rw[PCI.COMMAND + 1]! & 4) === 0 || (d.quirks?.includes('broken_intx_masking') ?? false));
    this.lock = new Mutex('device_lock', hardware.scheduler);
    this.resources = readResources(fn);
    this.sriov = physfn === undefined ? readSriov(fn) : undefined;
  }

  /** The ROM that the kernel reads is a copy in memory: nothing of the function has to be enabled for it. */
  get hasShadowRom(): boolean {
    return this.resources[ROM_RESOURCE] === SHADOW_ROM;
  }
  get isVirtfn(): boolean {
    return this.physfn !== undefined;
  }
  /** Fault injection of the kernel. */
  get faults(): FaultInjection {
    return this.bus.faults;
  }
  get scheduler(): Scheduler {
    return this.hardware.scheduler;
  }
  /** Legacy interrupt line usable by the host: a pin, and not a VF. */
  get irq(): number {
    return this.isVirtfn ? 0 : this.function.config.read(PCI.INTERRUPT_PIN, 1);
  }
  get totalVfs(): number {
    return this.function.template.description.sriov?.totalVfs ?? 0;
  }
  capability(id: number): number {
    return this.function.capability(id, false);
  }
  extendedCapability(id: number): number {
    return this.function.capability(id, true);
  }
  readConfig(offset: number, width: number): number {
    return this.function.configRead(offset, width);
  }
  writeConfig(offset: number, width: number, value: number): void {
    this.function.configWrite(offset, width, value);
  }
  /** PCIe port type, -1 for conventional functions. */
  get pcieType(): number {
    const at = this.capability(CAP.EXP);
    return at ? (this.readConfig(at + EXP.FLAGS, 2) >> 4) & 0xf : -1;
  }
  /** The only function on its bus, below a bridge: a secondary bus reset resets nothing else. */
  get soleOnBus(): boolean {
    const bus = this.function.id >> 8;
    if (bus === 0 || this.isVirtfn) return false;
    for (const other of this.hardware.topology.functions.keys())
      if (other >> 8 === bus && other !== this.function.id) return false;
    return true;
  }
  /** PCI_DEV_FLAGS_NO_BUS_RESET: it does not come back from one. */
  get noBusReset(): boolean {
    return this.function.template.description.quirks?.includes('no_bus_reset') ?? false;
  }
  get isSriovPf(): boolean {
    return this.extendedCapability(EXT_CAP.SRIOV) !== 0 && this.totalVfs > 0;
  }

  /** Whether another function has something in [start, end) of bus addresses. */
  sharesBus(start: number, end: number): boolean {
    return this.hardware.topology.claimedByOther(this.function, start, end);
  }

  /** pci_request_region: 0, or EBUSY for a range that somebody else holds. */
  requestRegion(index: number): number {
    return this.function.template.bars[index]?.claimed === true ? -ERRNO.EBUSY : 0;
  }

  /** The registers of a BAR (pci_iomap). */
  bar(index: number): BarAccess {
    const fn = this.function;
    return {
      read: (offset, width) => fn.read(index, offset, width),
      write: (offset, width, value) => fn.write(index, offset, width, value),
      read8: (offset) => fn.read8(index, offset),
      write8: (offset, value) => fn.write8(index, offset, value),
    };
  }

  /** The port or bridge above; undefined on the root bus. */
  get upstream(): Bridge | undefined {
    return this.hardware.topology.bridgeAbove(this.function);
  }

  /** The port above reports a link that never comes back after a secondary bus reset. */
  get losesLink(): boolean {
    return this.upstream?.description.linkActive === 'stays-down';
  }

  /** Kernel memory mapped for this device in its group's default domain; zeroed as dma_alloc_coherent's, or not. */
  allocateDma(length: number, zeroed = true, purpose = ''): DmaBuffer {
    const { memory } = this.hardware;
    const extent = memory.allocate(`kernel:${this.name}`, length, PAGE_SIZE, zeroed, purpose);
    return new MappedExtent(memory, extent, length, this.group?.defaultDomain);
  }

  /** A host interrupt vector for this device's messages; undefined when the host has none left. */
  allocateVector(handler: () => void): Vector | undefined {
    return this.hardware.fabric.interrupts.allocate(this.function.aliasId, handler);
  }

  freeVector(vector: Vector): void {
    this.hardware.fabric.interrupts.free(vector);
  }
}

function readResources(fn: PciFunction): Resource[] {
  const list: Resource[] = new Array(7).fill(NONE);
  fn.template.bars.forEach((bar, index) => {
    const start = fn.windows[index];
    if (bar === undefined || start === undefined) return;
    const wide = bar.kind === 'mem64';
    list[index] = { start, length: bar.size, io: bar.kind === 'io', prefetch: bar.prefetch ?? false, wide };
  });
  const rom = fn.template.description.rom;
  if (rom && fn.vf === undefined)
    list[ROM_RESOURCE] = rom.shadow ? SHADOW_ROM : { ...NONE, start: fn.windows[ROM_RESOURCE] ?? 0, length: rom.size };
  return list;
}

/** Flag bits of a resource as the low bits of a BAR register show them. */
export function barFlags(resource: Resource): number {
  return resource.io ? BAR.IO : (resource.prefetch ? BAR.PREFETCH : 0) | (resource.wide ? BAR.MEM_64 : 0);
}
