/** One PCI function: configuration space, BAR decode, power state, resets, and the model behind it. */
import type { Fabric } from '../fabric.ts';
import type { Scheduler } from '../scheduler.ts';
import { ConfigSpace, ones } from './config-space.ts';
import { IntxLine } from './intx-line.ts';
import { type InterruptMode, Messages } from './messages.ts';
import type { DeviceModel, ModelFactory, Quad, ResetKind } from './model.ts';
import type { MsixTable } from './msix-table.ts';
import { bdf, type Place, type RequesterId } from './place.ts';
import { portsOf } from './ports.ts';
import {
  AF,
  CAP,
  COMMAND,
  DEVCTL,
  EXP,
  EXT_CAP,
  MSIX,
  PCI,
  PM,
  PM_CTRL,
  PRI,
  PRI_CTRL,
  SRIOV,
  SRIOV_CTRL,
  VPD,
} from './registers.ts';
import type { FunctionTemplate, PlacedCapability } from './template.ts';
import { VectorWindow } from './vector-window.ts';
import { VpdStorage } from './vpd.ts';

/** Place of the expansion ROM among the windows of a function, after the six BARs. */
export const ROM_WINDOW = 6;
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
  readonly model: DeviceModel;
  /** The PF of a VF. */
  readonly physical: PciFunction | undefined;
  readonly vf: number | undefined;
  /** VFs that exist now (VF Enable set), by index. */
  readonly virtuals: PciFunction[] = [];
  /** Physical address of each BAR, and of the ROM, as firmware or SR-IOV placed it; undefined: not decoded. */
  readonly windows: (number | undefined)[] = new Array(7).fill(undefined);
  readonly intx: IntxLine;
  /** Called when SR-IOV VF Enable or NumVFs takes effect. */
  onVfEnable: ((enabled: boolean) => void) | undefined;
  private readonly caps: readonly PlacedCapability[];
  private readonly fabric: Fabric;
  private readonly vectors: VectorWindow | undefined;
  private readonly messages: Messages;
  /** Told of every write to a BAR before it is carried out; whoever sets it takes it away again. */
  onWrite: ((bar: number, offset: number, width: number, value: number) => void) | undefined = undefined;
  /** Told of every read of a BAR and of its answer; whoever sets it takes it away again. */
  onRead: ((bar: number, offset: number, width: number, value: number) => void) | undefined = undefined;
  /** Resets so far: work that a reset cancels is of an earlier one. */
  private epoch = 0;
  private readonly pm: number;
  private readonly exp: number;
  private readonly msixAt: number;
  private readonly msiAt: number;
  private readonly sriovAt: number;
  private readonly afAt: number;
  private readonly vpdAt: number;
  private readonly vpd: VpdStorage | undefined;

  constructor(template: FunctionTemplate, place: Place, model: ModelFactory, fabric: Fabric, scheduler: Scheduler) {
    this.template = template;
    this.id = place.id;
    this.name = bdf(place.id);
    this.aliasId = place.aliasId;
    this.physical = place.physical;
    this.vf = place.vf;
    this.fabric = fabric;
    this.config = new ConfigSpace(template);
    this.intx = new IntxLine(this.config);
    this.caps = template.capabilities;
    this.pm = this.capability(CAP.PM);
    this.exp = this.capability(CAP.EXP);
    this.msiAt = this.capability(CAP.MSI);
    this.msixAt = this.capability(CAP.MSIX);
    this.afAt = this.capability(CAP.AF);
    this.vpdAt = this.capability(CAP.VPD);
    const { vpd } = template.description;
    this.vpd = vpd === undefined ? undefined : new VpdStorage(this.config, this.vpdAt, Buffer.from(vpd, 'hex'));
    this.sriovAt = this.capability(EXT_CAP.SRIOV, true);
    this.vectors = this.msixAt ? new VectorWindow(this.config, this.msixAt) : undefined;
    const at = { msi: this.msiAt, msix: this.msixAt };
    this.messages = new Messages(this.config, at, this.msix, (address, data) => fabric.message(this, address, data));
    if (template.description.command !== undefined) this.config.set(PCI.COMMAND, 2, template.description.command);
    this.model = model(portsOf(this, fabric, scheduler), place.physical?.model);
  }

  /** The MSI-X table; undefined: the function has no MSI-X. */
  get msix(): MsixTable | undefined {
    return this.vectors?.table;
  }

  /** A VF exists while its PF has VF Enable set. */
  get present(): boolean {
    return this.physical === undefined || this.physical.virtuals.includes(this);
  }

  /** Vital product data behind its registers; undefined: the function has none. */
  get vitalData(): Uint8Array | undefined {
    return this.vpd?.bytes;
  }

  /** How often the function was reset. */
  get resets(): number {
    return this.epoch;
  }

  /** Offset of a capability, 0 if the function has none of that id. */
  capability(id: number, extended = false): number {
    for (const each of this.caps) if (each.id === id && each.extended === extended) return each.at;
    return 0;
  }

  /** 0 (D0) to 3 (D3hot). */
  get powerState(): number {
    return this.pm ? this.config.read(this.pm + PM.CTRL, 2) & PM_CTRL.STATE_MASK : 0;
  }

  /** Bus mastering on and in D0: requests and messages may leave (PCIe 7.5.1.1.3, 5.3.1). */
  get mayRequest(): boolean {
    return (this.config.bytes[PCI.COMMAND]! & COMMAND.MASTER) !== 0 && this.powerState === 0;
  }

  /** Page requests are enabled, which for a VF its PF decides (PCIe 9.3.7.11). */
  get mayRequestPages(): boolean {
    const owner = this.physical ?? this;
    const at = owner.capability(EXT_CAP.PRI, true);
    return at !== 0 && (owner.config.read(at + PRI.CTRL, 2) & PRI_CTRL.ENABLE) !== 0;
  }

  get interruptMode(): InterruptMode {
    return this.messages.mode;
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
    if (!this.decodes(bar)) {
      this.unclaimed(bar, offset, false);
      return ones(width);
    }
    const covered = this.vectors?.covers(bar, offset) === true;
    const value = covered ? this.vectors!.read(bar, offset, width) : this.model.read(bar, offset, width);
    this.onRead?.(bar, offset, width, value);
    return value;
  }

  /** A write request to a BAR; an unsupported request vanishes. */
  write(bar: number, offset: number, width: number, value: number): void {
    this.onWrite?.(bar, offset, width, value);
    if (!this.decodes(bar)) {
      this.unclaimed(bar, offset, true);
      return;
    }
    if (!this.vectors?.covers(bar, offset)) {
      this.model.write(bar, offset, width, value);
      return;
    }
    const vector = this.vectors.write(bar, offset, width, value);
    if (vector >= 0 && this.vectors.table.isPending(vector)) this.raise(vector);
  }

  /** An aligned read of 8 bytes: one access where the device knows such, else two. */
  read8(bar: number, offset: number): Quad {
    const { model, vectors } = this;
    if (model.read8 !== undefined && this.decodes(bar) && !vectors?.covers(bar, offset)) {
      const quad = model.read8(bar, offset);
      for (const [half, value] of quad.entries()) this.onRead?.(bar, offset + 4 * half, 4, value);
      return quad;
    }
    return [this.read(bar, offset, 4) >>> 0, this.read(bar, offset + 4, 4) >>> 0];
  }

  write8(bar: number, offset: number, value: Quad): void {
    const { model, vectors } = this;
    if (model.write8 === undefined || vectors?.covers(bar, offset)) {
      this.write(bar, offset, 4, value[0]);
      this.write(bar, offset + 4, 4, value[1]);
      return;
    }
    for (const [half, word] of value.entries()) this.onWrite?.(bar, offset + 4 * half, 4, word);
    if (this.decodes(bar)) model.write8(bar, offset, value);
    else this.unclaimed(bar, offset, true);
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
    if (this.vpdAt && touches(offset, end, this.vpdAt + VPD.ADDR + 1, 1)) this.vpd?.transfer();
    if (this.msixAt && touches(offset, end, this.msixAt + MSIX.FLAGS, 2)) this.flush(true);
    if (this.msiAt && touches(offset, end, this.msiAt, 24)) this.flush(false);
    if (sriov && touches(offset, end, sriov + SRIOV.CTRL, 2)) {
      const changed = (before ^ this.config.read(offset & ~3, 4)) & SRIOV_CTRL.VFE;
      if (changed) this.onVfEnable?.((this.config.read(sriov + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) !== 0);
    }
    if (touches(offset, end, PCI.COMMAND, 2)) this.intx.update(this.interruptMode);
  }

  /** Function level reset, power transition reset or bus reset: registers and model to power-on (PCIe 6.6.2). */
  reset(kind: ResetKind): void {
    this.epoch++;
    if (this.fabric.events.listenerCount('reset') > 0) this.fabric.events.emit('reset', { target: this, kind });
    const hadVfs = this.sriovAt !== 0 && (this.config.read(this.sriovAt + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) !== 0;
    this.config.reset();
    this.msix?.reset();
    this.intx.reset();
    this.model.reset(kind);
    if (hadVfs) this.onVfEnable?.(false);
  }

  /** Sends a message interrupt, or marks it pending; the model calls this through its port. */
  raise(vector: number): void {
    if (this.mayRequest) this.messages.raise(vector);
  }

  private unclaimed(bar: number, offset: number, write: boolean): void {
    const { events } = this.fabric;
    if (events.listenerCount('unclaimed') > 0) events.emit('unclaimed', { target: this, bar, offset, write });
  }

  private flush(msix: boolean): void {
    if (!this.mayRequest) return;
    if (msix) this.messages.flushMsix();
    else this.messages.flushMsi();
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
