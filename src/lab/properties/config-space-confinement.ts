/** Configuration-space confinement: what the user may not write stays, and regions are what region info says. */
import { Buffer } from 'node:buffer';
import type { UnclaimedEvent } from '../../../sim/fabric.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import { CAP, COMMAND, MSI, MSI_FLAGS, MSIX, MSIX_ENTRY, PCI } from '../../../sim/pci/registers.ts';
import { type RegionClientInfo, regionOffset } from '../../client/device.ts';
import { PCI_IRQ, PCI_REGION, REGION_INFO_FLAG } from '../../uapi/vfio.ts';
import { coreOf } from '../pci/core-of.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import { configReference, type Shown } from '../reference/config-access.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const CONFIG_SPACE_CONFINEMENT: Property = {
  name: 'config-space confinement',
  promise:
    'A user changes of its function’s configuration space what is the user’s to change, and its regions grant the accesses and mappings that region info promises, and no others.',
  observes:
    'The whole configuration space of every function, before and after each write of any width and alignment, and what reads answer, held against a second table of who may write what; the answers of mmap, read and write held against region info, and all that GET_INFO tells of device and regions against what there is; each access to a BAR, by a call or a mapping, as it reaches the device; vital product data before and after a transfer; and the answers to features of any shape, and what they leave; every access to a BAR that the function does not decode.',
  allows: [
    'bits that the virtualisation of vfio-pci-core passes through to the function that is assigned',
    'an access in D1 or D2, to which the user sent its function itself',
    'an access to an I/O BAR that is not decoded, and of the host to the table of its messages',
  ],
};

const NAME = CONFIG_SPACE_CONFINEMENT.name;
/** STATUS and the side of COMMAND with INTX_DISABLE: these follow interrupts. */
const STATUS = [0x06, 0x07] as const;

/** D1 and D2: the kernel takes memory away in D3hot only (vfio_pci_core.c: __vfio_pci_memory_enabled). */
const SHALLOW: ReadonlySet<number> = new Set([1, 2]);
/** Header bytes that no user writes, by which it would be shown another function: ids and class, BIST's neighbour, the list, the pin. */
const SHOWN_FIXED = [0, 1, 2, 3, 8, 9, 0x0a, 0x0b, 0x0e, 0x2c, 0x2d, 0x2e, 0x2f, 0x34, 0x3d, 0x3e, 0x3f] as const;
const HEADER = 0x40;
/** First and last BAR register, and the ROM's. */
const BARS = [0x10, 0x34] as const;

/** A function as it was. */
interface Kept {
  readonly fn: PciFunction;
  /** As it was when the machine was built. */
  readonly placed: Uint8Array;
  readonly bytes: Uint8Array;
  resets: number;
}

export class ConfigSpaceConfinement implements Check {
  readonly property = CONFIG_SPACE_CONFINEMENT;
  private readonly world: World;
  private before = 0;
  private calm = false;
  /** The header as the tenant is shown it, before a write to it. */
  private readonly header = new Uint8Array(HEADER);
  private shown = false;
  private readonly kept: Kept[] = [];
  private peer: { readonly target: PciFunction; readonly offset: number } | undefined;

  constructor(world: World) {
    this.world = world;
    if (world.profile.pci === undefined) return;
    const functions = new Set(world.tenants.flatMap(({ fn }) => [fn!, ...(fn!.physical ? [fn!.physical] : [])]));
    for (const fn of functions)
      this.kept.push({ fn, placed: fn.config.bytes.slice(), bytes: fn.config.bytes.slice(), resets: 0 });
  }

  watch(): void {
    const { events } = this.world.machine.hardware.fabric;
    if (this.kept.length === 0) return;
    events.on('peer', ({ target, offset }) => {
      this.peer = { target, offset };
    });
    events.on('unclaimed', (event) => this.onUnclaimed(event));
  }

  /** A configuration write of the tenant is about to be made, … */
  writing(tenant: Tenant, offset: number): void {
    // A sleeping function that somebody else reset gets back what it had when the write wakes it.
    this.calm = tenant.pending === 0 && !(tenant.pci.lost && tenant.pci.lowPower);
    const shadow = offset < HEADER ? coreOf(this.world.machine, tenant.bdf)?.shadow : undefined;
    this.shown = shadow !== undefined;
    if (shadow !== undefined) this.header.set(shadow.vconfig.subarray(0, HEADER));
    this.before = this.world.profile.guarded.value(tenant);
    for (const kept of this.kept) {
      kept.bytes.set(kept.fn.config.bytes);
      kept.resets = this.world.resetsOf(kept.fn);
    }
  }

  /** … and was made. */
  written(tenant: Tenant): void {
    const { guarded } = this.world.profile;
    if (!this.calm) return;
    if (this.shown) this.stillShown(tenant);
    if (guarded.value(tenant) !== this.before)
      this.world.violate(NAME, `a configuration write changes ${guarded.what}`);
    for (const { fn, bytes, resets } of this.kept) {
      // A call wakes its device, which then has what it had when it fell asleep, whatever a reset took meanwhile.
      if (fn === tenant.fn && tenant.pci.lowPower) continue;
      if (Buffer.compare(bytes, fn.config.bytes) !== 0 && this.world.resetsOf(fn) === resets)
        this.changed(tenant, fn, bytes);
    }
  }

  private stillShown({ bdf }: Tenant): void {
    const vconfig = coreOf(this.world.machine, bdf)?.shadow.vconfig;
    if (vconfig === undefined) return;
    for (const at of SHOWN_FIXED)
      if (vconfig[at] !== this.header[at])
        return this.world.violate(NAME, `a configuration write changes byte ${at.toString(16)} that its user is shown`);
  }

  /** A read of configuration space answered. */
  read({ fn, pending, pci }: Tenant, offset: number, answer: Uint8Array): void {
    const { fixed, expected, mirrored } = configReference(fn!);
    const calm = pending === 0 && !pci.lowPower;
    for (let i = 0; i < answer.length; i++) {
      const at = offset + i;
      if ((answer[i]! & fixed[at]!) !== expected[at])
        return this.world.violate(NAME, `byte ${at.toString(16)} of configuration space reads ${answer[i]}`);
      if (calm && ((answer[i]! ^ fn!.config.bytes[at]!) & mirrored[at]!) !== 0)
        return this.world.violate(
          NAME,
          `byte ${at.toString(16)} reads ${answer[i]}, which is not what the function has`,
        );
    }
  }

  /** A call that only asks is about to be made, … */
  asking(tenant: Tenant): void {
    this.calm = tenant.pending === 0 && !tenant.pci.lowPower;
    this.header.set(tenant.fn!.config.bytes.subarray(0, HEADER));
  }

  /** … and was made: the function is as it was. */
  asked({ fn }: Tenant): void {
    if (!this.calm) return;
    for (let at = 0; at < HEADER; at++)
      if (fn!.config.bytes[at] !== this.header[at] && !(STATUS as readonly number[]).includes(at))
        return this.world.violate(NAME, `a call that asks changes byte ${at.toString(16)} of the function`);
  }

  /** The capability lists as the tenant found them. */
  listed({ fn }: Tenant, standard: readonly Shown[], extended: readonly Shown[]): void {
    const reference = configReference(fn!);
    for (const [name, found, wanted] of [
      ['standard', standard, reference.standard],
      ['extended', extended, reference.extended],
    ] as const)
      if (text(found) !== text(wanted)) this.world.violate(NAME, `the ${name} list shows ${text(found)}`);
  }

  /** A mapping of a region was granted or refused, and region info had said which. */
  mapped(region: number, answer: number, allowed: boolean): void {
    if (answer >= 0 !== allowed) this.world.violate(NAME, `mmap of region ${region} answers ${answer}`);
  }

  /** A mapping that is held was touched: it must answer exactly while memory is on. */
  touched(region: number, answered: boolean, on: boolean): void {
    if (answered !== on)
      this.world.violate(
        NAME,
        `a mapping of region ${region} ${answered ? 'works with memory off' : 'fails with memory on'}`,
      );
  }

  /** The tenant chose a power state: a function that is awake has what it had when it fell asleep. */
  wokenUp({ fn, pci, pending }: Tenant): void {
    if (pci.command < 0 || pci.lost || pci.lowPower || pending > 0 || fn!.powerState !== 0) return;
    if ((fn!.config.bytes[PCI.COMMAND]! ^ pci.command) & decodes(fn!))
      this.world.violate(NAME, 'a function that was woken has not what its user last read of COMMAND');
  }

  after(tenant: Tenant): void {
    // Pages of a mapping are there while memory is on, and not a call longer.
    if (tenant.pci.mappings.length === 0 || !this.world.watched || memoryUnknown(tenant) || memoryOn(tenant)) return;
    if ((coreOf(this.world.machine, tenant.bdf)?.mappings.size ?? 0) > 0)
      this.world.violate(NAME, 'a mapping keeps its pages with memory off');
  }

  /** The device says what a region is. */
  toldRegion({ fn }: Tenant, index: number, { flags, size, offset }: RegionClientInfo): void {
    const { profile } = this.world;
    if (profile.pci === undefined) return;
    const bar = fn!.template.bars[index];
    const due = index < PCI_REGION.ROM ? (bar?.size ?? 0) : index === PCI_REGION.CONFIG ? fn!.template.size : size;
    const access = index === PCI_REGION.ROM ? REGION_INFO_FLAG.READ : REGION_INFO_FLAG.READ | REGION_INFO_FLAG.WRITE;
    const mapped = index < PCI_REGION.ROM && bar?.kind !== 'io' ? REGION_INFO_FLAG.MMAP | REGION_INFO_FLAG.CAPS : 0;
    const wrong = size === 0 ? flags !== 0 : (flags & access) !== access || (flags & ~(access | mapped)) !== 0;
    if (size !== due || wrong || offset !== regionOffset(index))
      this.world.violate(NAME, `region ${index} is told to have ${size} bytes at ${offset} and flags ${flags}`);
  }

  /** The kernel agreed to write a register where no user may. */
  ioeventfd(bar: number, offset: number, width: number): void {
    this.world.violate(NAME, `an ioeventfd of ${width} bytes at ${offset.toString(16)} of BAR ${bar} is taken`);
  }

  /** VFIO_DEVICE_IOEVENTFD answered, and something else is due. */
  ioeventfdAnswers(result: number, due: number): void {
    this.world.violate(NAME, `a register write by eventfd is answered with ${result}, not ${due}`);
  }

  /** An eventfd was signalled, and a register that is to be written by it was not. */
  unwritten(bar: number, offset: number): void {
    this.world.violate(NAME, `a signal does not write what was agreed to ${offset.toString(16)} of BAR ${bar}`);
  }

  /** The device says how many regions it has. */
  regions(count: number): void {
    if (this.world.profile.pci !== undefined && count !== PCI_REGION.NUM)
      this.world.violate(NAME, `${count} regions are told of where there are ${PCI_REGION.NUM}`);
  }

  /** A feature was asked for in a way that is refused, or only asked about, and answered otherwise; or wrote its argument. */
  feature(feature: number, flags: number, result: number, due: number): void {
    const asked = `feature ${feature} with flags ${(flags >>> 16).toString(16)}`;
    this.world.violate(NAME, `${asked} answers ${result}, must be ${due} and write nothing`);
  }

  /** And it was carried out. */
  featureDone(feature: number, flags: number): void {
    this.world.violate(NAME, `feature ${feature} with flags ${(flags >>> 16).toString(16)} is carried out`);
  }

  /** Vital product data was moved, and not as it must be. */
  vitalData(what: string): void {
    this.world.violate(NAME, `vital product data: ${what}`);
  }

  /** Two views of a region disagree. */
  disagrees(region: number, what: string): void {
    this.world.violate(NAME, `region ${region}: ${what}`);
  }

  private placed(fn: PciFunction): Uint8Array {
    return this.kept.find((kept) => kept.fn === fn)!.placed;
  }

  private changed(tenant: Tenant, fn: PciFunction, before: Uint8Array): void {
    const { reached } = configReference(fn);
    const { bytes } = fn.config;
    for (let at = 0; at < bytes.length; at++) {
      const bits = bytes[at]! ^ before[at]!;
      // What the host gave is what it restores.
      if (at >= BARS[0] && at < BARS[1] && bytes[at] === this.placed(fn)[at]) continue;
      if (bits === 0 || (STATUS as readonly number[]).includes(at)) continue;
      if (fn !== tenant.fn) return this.world.violate(NAME, `a configuration write changes ${fn.name}`);
      if (at === fn.capability(CAP.MSI) + MSI.FLAGS && log2Of(bytes[at]!) > Math.ceil(Math.log2(tenant.pci.askedFor)))
        return this.world.violate(NAME, `a configuration write turns more messages on than were set up`);
      const { type, unsure } = tenant.pci.irqs;
      const on = at === fn.capability(CAP.MSI) + MSI.FLAGS && bits & bytes[at]! & MSI_FLAGS.ENABLE;
      if (on && type !== PCI_IRQ.MSI && !unsure)
        return this.world.violate(NAME, 'a configuration write switches messages on');
      if (bits & ~reached[at]!)
        return this.world.violate(NAME, `a configuration write changes bits ${bits} of byte ${at.toString(16)}`);
    }
  }

  /** The kernel, or a mapping it should have taken away, reaches memory that nobody decodes. */
  private onUnclaimed({ target, bar, offset, write }: UnclaimedEvent): void {
    const { peer } = this;
    this.peer = undefined;
    if (peer?.target === target && peer.offset === offset) return;
    if (target.template.bars[bar]?.kind === 'io' || inVectors(target, bar, offset)) return;
    const owner = this.world.tenants.find(({ fn }) => fn === target);
    if (owner === undefined || owner.pci.lost || SHALLOW.has(target.powerState)) return;
    const what = `${write ? 'write' : 'read'} of BAR ${bar}`;
    this.world.violate(NAME, `a ${what} reaches ${target.name}, which does not decode it`);
  }
}

/** Decode and mastering; a VF's memory bit is none. */
const decodes = ({ physical }: PciFunction): number =>
  COMMAND.IO | COMMAND.MASTER | (physical === undefined ? COMMAND.MEMORY : 0);

/** How many messages MSI may send, as the power of two in its flags. */
const log2Of = (flags: number): number => (flags & MSI_FLAGS.QSIZE) >> 4;

const text = (list: readonly Shown[]): string => list.map(({ id, at }) => `${id}@${at.toString(16)}`).join(' ');

/** The host programs its messages whatever the state of the function. */
function inVectors(fn: PciFunction, bar: number, offset: number): boolean {
  const at = fn.capability(CAP.MSIX);
  if (at === 0) return false;
  const table = fn.config.read(at + MSIX.TABLE, 4);
  const start = (table & ~7) >>> 0;
  return (table & 7) === bar && offset >= start && offset < start + fn.msix!.size * MSIX_ENTRY.SIZE;
}
