/** One PCI function: configuration space, BAR decode, power state, interrupts, resets, and the model behind it. */

import { viewOf } from '../bytes.ts';
import type { Fabric } from '../fabric.ts';
import type { Scheduler } from '../scheduler.ts';
import { ConfigSpace } from './config-space.ts';
import type { DeviceModel, DevicePorts, ModelFactory, Quad, ResetKind } from './model.ts';
import { MsixTable } from './msix-table.ts';
import {
  AF,
  CAP,
  COMMAND,
  DEVCTL,
  EXP,
  EXT_CAP,
  MSI,
  MSI_FLAGS,
  MSIX,
  MSIX_ENTRY,
  MSIX_FLAGS,
  PCI,
  PM,
  PM_CTRL,
  SRIOV,
  SRIOV_CTRL,
  STATUS,
} from './registers.ts';
import type { FunctionTemplate, PlacedCapability } from './template.ts';

/** Bus, device and function number as 16 bits: the requester id (PCIe 2.2.4.2). */
export type RequesterId = number;

/** `0000:bb:dd.f`, the name Linux gives. */
export function bdf(id: RequesterId): string {
  const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');
  return `0000:${hex(id >> 8, 2)}:${hex((id >> 3) & 0x1f, 2)}.${id & 7}`;
}

/** Where one PCI function stands: its number, and its physical function if it is virtual. */
export interface Place {
  readonly id: RequesterId;
  /** The id under which the IOMMU sees its requests: its own unless a bridge takes them over. */
  readonly aliasId: RequesterId;
  readonly physical?: PciFunction;
  readonly vf?: number;
}

/** Does a write of [offset, end) reach a register of that many bytes at `at`? 0: the function has none. */
function touches(offset: number, end: number, at: number, size: number): boolean {
  return at > 0 && offset < at + size && end > at;
}

/** One function: its configuration space, its BARs, and the ports of its model. */
export class PciFunction {
  readonly template: FunctionTemplate;
  readonly id: RequesterId;
  /** The name Linux gives. */
  readonly name: string;
  readonly aliasId: RequesterId;
  readonly config: ConfigSpace;
  readonly msix: MsixTable | undefined;
  readonly model: DeviceModel;
  /** The PF of a VF. */
  readonly physical: PciFunction | undefined;
  readonly vf: number | undefined;
  /** VFs that exist now (VF Enable set), by index. */
  readonly virtuals: PciFunction[] = [];
  /** Physical address of each BAR as firmware or SR-IOV placed it; undefined: not decoded. */
  readonly windows: (number | undefined)[] = new Array(6).fill(undefined);
  /** INTx: who is told when the line rises (the host's handler), and its level. */
  onInterrupt: (() => void) | undefined;
  private line = false;
  /** Called when SR-IOV VF Enable or NumVFs takes effect. */
  onVfEnable: ((enabled: boolean) => void) | undefined;
  private readonly caps: readonly PlacedCapability[];
  private readonly fabric: Fabric;
  private epoch = 0;
  private readonly pm: number;
  private readonly exp: number;
  private readonly msixAt: number;
  private readonly msiAt: number;
  private readonly sriovAt: number;
  private readonly afAt: number;
  private readonly msixBar: number;
  private readonly msixOffset: number;
  private readonly pbaBar: number;
  private readonly pbaOffset: number;

  constructor(template: FunctionTemplate, place: Place, model: ModelFactory, fabric: Fabric, scheduler: Scheduler) {
    this.template = template;
    this.id = place.id;
    this.name = bdf(place.id);
    this.aliasId = place.aliasId;
    this.physical = place.physical;
    this.vf = place.vf;
    this.fabric = fabric;
    this.config = new ConfigSpace(template);
    this.caps = template.capabilities;
    this.pm = this.capability(CAP.PM);
    this.exp = this.capability(CAP.EXP);
    this.msiAt = this.capability(CAP.MSI);
    this.msixAt = this.capability(CAP.MSIX);
    this.afAt = this.capability(CAP.AF);
    this.sriovAt = this.capability(EXT_CAP.SRIOV, true);
    if (this.msixAt) {
      this.msix = new MsixTable((this.config.read(this.msixAt + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1);
      const table = this.config.read(this.msixAt + MSIX.TABLE, 4);
      const pba = this.config.read(this.msixAt + MSIX.PBA, 4);
      this.msixBar = table & 7;
      this.msixOffset = (table & ~7) >>> 0;
      this.pbaBar = pba & 7;
      this.pbaOffset = (pba & ~7) >>> 0;
    } else {
      this.msix = undefined;
      this.msixBar = this.pbaBar = -1;
      this.msixOffset = this.pbaOffset = 0;
    }
    if (template.description.command !== undefined) this.config.set(PCI.COMMAND, 2, template.description.command);
    const self = this;
    const ports: DevicePorts = {
      config: this.config,
      vf: place.vf,
      dma: {
        read: (iova, into, pasid) => {
          if (this.mayRequest) return fabric.read(this, iova, into, pasid);
          into.fill(0xff);
          return false;
        },
        write: (iova, bytes, pasid) => this.mayRequest && fabric.write(this, iova, bytes, pasid),
      },
      interrupts: {
        message: (vector) => this.raise(vector),
        level: (asserted) => this.setLine(asserted),
        get mode() {
          return self.interruptMode;
        },
      },
      later: (delay, work) => {
        const epoch = this.epoch;
        scheduler.after(delay, template.description.name, () => {
          if (epoch === this.epoch) work();
        });
      },
    };
    this.model = model(ports, place.physical?.model);
  }

  /** A VF exists while its PF has VF Enable set. */
  get present(): boolean {
    return this.physical === undefined || this.physical.virtuals.includes(this);
  }

  /** Offset of a capability, 0 if the function has none of that id. */
  capability(id: number, extended = false): number {
    return this.caps.find((c) => c.id === id && c.extended === extended)?.at ?? 0;
  }

  /** 0 (D0) to 3 (D3hot). */
  get powerState(): number {
    return this.pm ? this.config.read(this.pm + PM.CTRL, 2) & PM_CTRL.STATE_MASK : 0;
  }

  /** Bus mastering on and in D0: requests and messages may leave (PCIe 7.5.1.1.3, 5.3.1). */
  get mayRequest(): boolean {
    return (this.config.bytes[PCI.COMMAND]! & COMMAND.MASTER) !== 0 && this.powerState === 0;
  }

  get interruptMode(): 'msix' | 'msi' | 'intx' {
    if (this.msixAt && this.config.read(this.msixAt + MSIX.FLAGS, 2) & MSIX_FLAGS.ENABLE) return 'msix';
    if (this.msiAt && this.config.read(this.msiAt + MSI.FLAGS, 2) & MSI_FLAGS.ENABLE) return 'msi';
    return 'intx';
  }

  /** Whether memory (or I/O) requests to the BAR are claimed now. */
  decodes(bar: number): boolean {
    if (this.windows[bar] === undefined || this.powerState !== 0) return false;
    if (this.physical !== undefined) {
      const control = this.physical.config.read(this.physical.sriovAt + SRIOV.CTRL, 2);
      return (control & (SRIOV_CTRL.VFE | SRIOV_CTRL.MSE)) === (SRIOV_CTRL.VFE | SRIOV_CTRL.MSE);
    }
    const io = this.template.bars[bar]?.kind === 'io';
    return (this.config.bytes[PCI.COMMAND]! & (io ? COMMAND.IO : COMMAND.MEMORY)) !== 0;
  }

  /** A read request to a BAR, 1, 2 or 4 bytes; an unsupported request reads all ones. */
  read(bar: number, offset: number, width: number): number {
    if (!this.decodes(bar)) return width === 4 ? 0xffff_ffff : (1 << (8 * width)) - 1;
    if (bar === this.msixBar && offset >= this.msixOffset && offset < this.msixOffset + this.msix!.bytes.length)
      return this.msix!.read(offset - this.msixOffset, width);
    if (bar === this.pbaBar && offset >= this.pbaOffset && offset < this.pbaOffset + this.msix!.pending.length) {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.msix!.pending[offset - this.pbaOffset + i] ?? 0);
      return value;
    }
    return this.model.read(bar, offset, width);
  }

  /** A write request to a BAR; an unsupported request vanishes. */
  write(bar: number, offset: number, width: number, value: number): void {
    if (!this.decodes(bar)) return;
    if (bar === this.msixBar && offset >= this.msixOffset && offset < this.msixOffset + this.msix!.bytes.length) {
      this.msix!.write(offset - this.msixOffset, width, value);
      const vector = Math.floor((offset - this.msixOffset) / MSIX_ENTRY.SIZE);
      if (this.msix!.isPending(vector)) this.raise(vector);
    } else this.model.write(bar, offset, width, value);
  }

  /** An aligned read of 8 bytes: one access where the device knows such, else two. */
  read8(bar: number, offset: number): Quad {
    const { model } = this;
    if (model.read8 !== undefined && this.decodes(bar) && !this.inVectors(bar, offset)) return model.read8(bar, offset);
    return [this.read(bar, offset, 4) >>> 0, this.read(bar, offset + 4, 4) >>> 0];
  }

  write8(bar: number, offset: number, value: Quad): void {
    const { model } = this;
    if (model.write8 === undefined || this.inVectors(bar, offset)) {
      this.write(bar, offset, 4, value[0]);
      this.write(bar, offset + 4, 4, value[1]);
    } else if (this.decodes(bar)) model.write8(bar, offset, value);
  }

  /** MSI-X table or pending bits: the function's own, whatever the device is. */
  private inVectors(bar: number, offset: number): boolean {
    const { msix } = this;
    if (msix === undefined) return false;
    const within = (at: number, size: number): boolean => offset >= at && offset < at + size;
    return (
      (bar === this.msixBar && within(this.msixOffset, msix.bytes.length)) ||
      (bar === this.pbaBar && within(this.pbaOffset, msix.pending.length))
    );
  }

  /** Bytes of any length, as a peer or a memory mapping moves them: split at natural alignment. */
  access(bar: number, offset: number, bytes: Uint8Array, write: boolean): void {
    if (bytes.length === 8 && offset % 8 === 0) {
      const view = viewOf(bytes);
      if (write) this.write8(bar, offset, [view.getUint32(0, true), view.getUint32(4, true)]);
      else for (const [i, half] of this.read8(bar, offset).entries()) view.setUint32(4 * i, half, true);
      return;
    }
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const left = bytes.length - done;
      const width = at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1;
      if (write) {
        let value = 0;
        for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[done + i]!;
        this.write(bar, at, width, value);
      } else {
        const value = this.read(bar, at, width);
        for (let i = 0; i < width; i++) bytes[done + i] = (value >>> (8 * i)) & 0xff;
      }
      done += width;
    }
  }

  configRead(offset: number, width: number): number {
    return this.config.read(offset, width);
  }

  /** A configuration write, and what it sets going. */
  configWrite(offset: number, width: number, value: number): void {
    const end = offset + width;
    const before = this.config.read(offset & ~3, 4);
    const power = this.powerState;
    const sriov = this.sriovAt;
    if (
      sriov &&
      touches(offset, end, sriov + SRIOV.NUM_VF, 2) &&
      this.config.read(sriov + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE
    )
      return;
    this.config.write(offset, width, value);
    if (this.pm && touches(offset, end, this.pm + PM.CTRL, 1)) this.enterPower(power);
    if (this.exp && touches(offset, end, this.exp + EXP.DEVCTL, 2))
      this.initiateFlr(this.exp + EXP.DEVCTL, DEVCTL.BCR_FLR, 2);
    if (this.afAt && touches(offset, end, this.afAt + AF.CTRL, 1)) this.initiateFlr(this.afAt + AF.CTRL, 1, 1);
    if (this.msixAt && touches(offset, end, this.msixAt + MSIX.FLAGS, 2)) this.flushPending();
    if (this.msiAt && touches(offset, end, this.msiAt, 24)) this.flushPendingMsi();
    if (sriov && touches(offset, end, sriov + SRIOV.CTRL, 2)) {
      const changed = (before ^ this.config.read(offset & ~3, 4)) & SRIOV_CTRL.VFE;
      if (changed) this.onVfEnable?.((this.config.read(sriov + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) !== 0);
    }
    if (touches(offset, end, PCI.COMMAND, 2)) this.updateLine();
  }

  /** Function level reset, power transition reset or bus reset: registers and model to power-on (PCIe 6.6.2). */
  reset(kind: ResetKind): void {
    this.epoch++;
    if (this.fabric.events.listenerCount('reset') > 0) this.fabric.events.emit('reset', { target: this, kind });
    const hadVfs = this.sriovAt !== 0 && (this.config.read(this.sriovAt + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) !== 0;
    this.config.reset();
    this.msix?.reset();
    this.line = false;
    this.model.reset(kind);
    if (hadVfs) this.onVfEnable?.(false);
  }

  /** Sends a message interrupt, or marks it pending (7.7.2.5). */
  private raise(vector: number): void {
    const mode = this.interruptMode;
    if (!this.mayRequest) return;
    if (mode === 'msix') {
      const table = this.msix!;
      if (vector >= table.size) return;
      const flags = this.config.read(this.msixAt + MSIX.FLAGS, 2);
      if (flags & MSIX_FLAGS.MASKALL || table.masked(vector)) {
        table.setPending(vector, true);
        return;
      }
      table.setPending(vector, false);
      this.send(table.address(vector), table.data(vector));
    } else if (mode === 'msi') this.raiseMsi(vector);
  }

  private raiseMsi(vector: number): void {
    const at = this.msiAt;
    const flags = this.config.read(at + MSI.FLAGS, 2);
    const enabled = (flags & MSI_FLAGS.QSIZE) >> 4;
    const number = vector & ((1 << enabled) - 1);
    const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
    const high = wide ? this.config.read(at + MSI.ADDRESS_HI, 4) : 0;
    const data = this.config.read(at + (wide ? MSI.DATA_64 : MSI.DATA_32), 2);
    if (flags & MSI_FLAGS.MASKBIT) {
      const mask = this.config.read(at + (wide ? MSI.MASK_64 : MSI.MASK_32), 4);
      if (mask & (1 << number)) {
        const pending = at + (wide ? MSI.MASK_64 : MSI.MASK_32) + 4;
        this.config.set(pending, 4, (this.config.read(pending, 4) | (1 << number)) >>> 0);
        return;
      }
    }
    this.send(this.config.read(at + MSI.ADDRESS_LO, 4) + high * 0x1_0000_0000, (data & ~((1 << enabled) - 1)) | number);
  }

  private send(address: number, data: number): void {
    this.fabric.message(this, address, data);
  }

  private flushPending(): void {
    for (let v = 0; v < this.msix!.size; v++) if (this.msix!.isPending(v)) this.raise(v);
  }

  /** Vectors that were raised while masked are sent once they are not (7.7.1.8). */
  private flushPendingMsi(): void {
    const flags = this.config.read(this.msiAt + MSI.FLAGS, 2);
    if ((flags & MSI_FLAGS.MASKBIT) === 0 || (flags & MSI_FLAGS.ENABLE) === 0) return;
    const mask = this.msiAt + (flags & MSI_FLAGS.X64BIT ? MSI.MASK_64 : MSI.MASK_32);
    const ready = this.config.read(mask + 4, 4) & ~this.config.read(mask, 4);
    for (let vector = 0; vector < 32; vector++) {
      if ((ready & (1 << vector)) === 0) continue;
      this.config.set(mask + 4, 4, (this.config.read(mask + 4, 4) & ~(1 << vector)) >>> 0);
      this.raise(vector);
    }
  }

  private setLine(asserted: boolean): void {
    const status = this.config.read(PCI.STATUS, 2);
    this.config.set(PCI.STATUS, 2, asserted ? status | STATUS.INTERRUPT : status & ~STATUS.INTERRUPT);
    this.updateLine();
  }

  /** The pin follows the status bit unless disabled or replaced by messages (7.5.1.1.3). */
  private updateLine(): void {
    const asserted =
      (this.config.read(PCI.STATUS, 2) & STATUS.INTERRUPT) !== 0 &&
      (this.config.read(PCI.COMMAND, 2) & COMMAND.INTX_DISABLE) === 0 &&
      this.interruptMode === 'intx';
    const rose = asserted && !this.line;
    this.line = asserted;
    if (rose) this.onInterrupt?.();
  }

  /** Whether the INTx pin is asserted now. */
  get lineAsserted(): boolean {
    return this.line;
  }

  private initiateFlr(at: number, bit: number, width: number): void {
    const control = this.config.read(at, width);
    if ((control & bit) === 0) return;
    this.config.set(at, width, control & ~bit);
    this.reset('flr');
  }

  /** D3hot to D0 without No_Soft_Reset is an internal reset (5.4.1). */
  private enterPower(before: number): void {
    const now = this.powerState;
    if (before !== 3 || now !== 0) return;
    if ((this.config.read(this.pm + PM.CTRL, 2) & PM_CTRL.NO_SOFT_RESET) === 0) this.reset('pm');
  }
}
