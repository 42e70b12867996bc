/** The PF: initialization segment, command queue, firmware. The VFs of the card are made through it. */
import type { DeviceModel, DevicePorts } from '../../pci/model.ts';
import { CommandQueue } from './command-queue.ts';
import { Firmware, type IllegalCommand } from './firmware.ts';
import { CMDIF_REV_FW_SUB, CMDQ, FW_REV, ISEG } from './init-segment.ts';
import type { Settings } from './options.ts';
import { Partitions } from './partitions.ts';
import { VfModel } from './vf.ts';

/** Objects the firmware holds. */
export type ResourceCounts = {
  readonly pd: number;
  readonly mkey: number;
  readonly cq: number;
  readonly qp: number;
  readonly tracker: number;
  /** Tracking contexts that a SAVE_VHCA_STATE with set_track took and nothing has given back. */
  readonly savesTracked: number;
};

export class PfModel implements DeviceModel {
  readonly firmware: Firmware;
  readonly partitions = new Partitions();
  private readonly queue: CommandQueue;
  private addressHigh = 0;

  constructor(ports: DevicePorts, settings: Settings) {
    this.firmware = new Firmware(ports, settings, this.partitions);
    this.queue = new CommandQueue(ports, this.firmware);
  }

  /** Commands refused because no correct driver gives them, oldest first. */
  get illegal(): readonly IllegalCommand[] {
    return this.firmware.illegal;
  }

  resources(): ResourceCounts {
    const { pd, mkey, cq, qp, tracker } = this.firmware.objects;
    const savesTracked = this.firmware.savesTracked();
    return { pd: pd.size, mkey: mkey.size, cq: cq.size, qp: qp.size, tracker: tracker.size, savesTracked };
  }

  /** What of {@link resources} is held for one VF. */
  resourcesOf(vf: number): { readonly tracker: number; readonly savesTracked: number } {
    const vhca = this.firmware.vhcaByFunction(vf + 1);
    return { tracker: vhca?.tracker === undefined ? 0 : 1, savesTracked: vhca?.tracked ?? 0 };
  }

  /** A VF's model: hardware of its own, and a VHCA in this firmware. */
  makeVf(ports: DevicePorts): VfModel {
    const { firmware } = this;
    const vhca = firmware.attach(ports.vf!);
    vhca.vf = new VfModel(
      ports,
      {
        vhcaId: vhca.id,
        present: () => firmware.present(vhca),
        touch: (what) => this.partitions.touch(vhca.partition, what),
        wrote: (iova, length) => vhca.tracker?.record(iova, length),
        beforeReset: () => vhca.reset(),
      },
      firmware.settings,
    );
    return vhca.vf;
  }

  read(bar: number, offset: number, width: number): number {
    if (bar !== 0) return 0;
    const value = swap(this.register(offset & ~3));
    return width === 4 ? value : (value >>> (8 * (offset & 3))) & (width === 2 ? 0xffff : 0xff);
  }

  /** Whole registers only; anything narrower is dropped. */
  write(bar: number, offset: number, width: number, value: number): void {
    if (bar !== 0 || width !== 4) return;
    const word = swap(value);
    if (offset === ISEG.CMDQ_ADDR_H) this.addressHigh = word;
    else if (offset === ISEG.CMDQ_ADDR_L_SZ) {
      this.queue.address = this.addressHigh * 0x1_0000_0000 + ((word & ~0xfff) >>> 0);
      this.firmware.touch('command queue');
    } else if (offset === ISEG.CMD_DBELL) this.queue.ring(word);
  }

  reset(): void {
    this.addressHigh = 0;
    this.queue.reset();
    this.firmware.reset();
    this.firmware.touch('reset');
  }

  private register(offset: number): number {
    if (offset === ISEG.FW_REV) return FW_REV;
    if (offset === ISEG.CMDIF_REV_FW_SUB) return CMDIF_REV_FW_SUB;
    if (offset === ISEG.CMDQ_ADDR_H) return this.addressHigh;
    if (offset === ISEG.CMDQ_ADDR_L_SZ)
      return ((this.queue.address & ~0xfff) >>> 0) | (CMDQ.LOG_SIZE << 4) | CMDQ.LOG_STRIDE;
    if (offset !== ISEG.ASYNC_EVENT) return 0;
    const event = this.firmware.events.shift();
    return event === undefined ? 0 : ((event.type << 24) | event.number) >>> 0;
  }
}

/** Between a register's big-endian bytes and the little-endian value of the access. */
function swap(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
