/**
 * Registers of a transitional virtio entropy device with one queue and no configuration of its own (virtio 1.2, 4.1.4 and
 * 4.1.4.10). The queue is set up and never served: no entropy comes from here.
 */
import type { DeviceModel, ModelFactory } from '../../pci/model.ts';

/** Legacy registers at the start of the I/O BAR, while MSI-X is off (4.1.4.10). */
export const LEGACY = {
  HOST_FEATURES: 0x00,
  GUEST_FEATURES: 0x04,
  QUEUE_PFN: 0x08,
  QUEUE_NUM: 0x0c,
  QUEUE_SEL: 0x0e,
  QUEUE_NOTIFY: 0x10,
  STATUS: 0x12,
  ISR: 0x13,
} as const;

/** Common configuration at the start of the modern BAR (4.1.4.3). */
export const COMMON = {
  DFSELECT: 0x00,
  DF: 0x04,
  GFSELECT: 0x08,
  GF: 0x0c,
  MSIX: 0x10,
  NUMQ: 0x12,
  STATUS: 0x14,
  CFGGENERATION: 0x15,
  Q_SELECT: 0x16,
  Q_SIZE: 0x18,
  Q_MSIX: 0x1a,
  Q_ENABLE: 0x1c,
  Q_NOFF: 0x1e,
} as const;

const LEGACY_BAR = 0;
const MODERN_BAR = 4;
/** The interrupt status behind the common configuration, in a page of its own. */
const ISR_OFFSET = 0x1000;
/** VIRTIO_F_NOTIFY_ON_EMPTY, _ANY_LAYOUT, _RING_INDIRECT_DESC, _RING_EVENT_IDX, and bit 30, which no driver may take. */
const LEGACY_FEATURES = 0x7900_0000;
/** Without the ones that modern devices do not have; then VIRTIO_F_VERSION_1 and _RING_RESET. */
const MODERN_FEATURES: readonly number[] = [0x3000_0000, 0x0000_0101];
const QUEUE_SIZE = 8;
const NO_VECTOR = 0xffff;
const ONES = 0xffff_ffff;
const FIRST_QUEUE = 0;

class VirtioRng implements DeviceModel {
  private guestFeatures: [number, number] = [0, 0];
  private deviceSelect = 0;
  private driverSelect = 0;
  private queueSelect = 0;
  private queueSize = QUEUE_SIZE;
  private queueFrame = 0;
  private queueEnabled = 0;
  private status = 0;

  read(bar: number, offset: number, width: number): number {
    const value = bar === LEGACY_BAR ? this.legacy(offset) : bar === MODERN_BAR ? this.modern(offset) : 0;
    return width === 4 ? value : value & (2 ** (8 * width) - 1);
  }

  write(bar: number, offset: number, _width: number, value: number): void {
    if (bar === LEGACY_BAR) this.setLegacy(offset, value);
    else if (bar === MODERN_BAR) this.setModern(offset, value);
  }

  reset(): void {
    this.guestFeatures = [0, 0];
    this.deviceSelect = this.driverSelect = this.queueSelect = 0;
    this.queueSize = QUEUE_SIZE;
    this.queueFrame = this.queueEnabled = this.status = 0;
  }

  /** What is between registers, and behind them, reads all ones. */
  private legacy(offset: number): number {
    switch (offset) {
      case LEGACY.HOST_FEATURES:
        return LEGACY_FEATURES;
      case LEGACY.GUEST_FEATURES:
        return this.guestFeatures[0];
      case LEGACY.QUEUE_PFN:
        return this.onQueue(this.queueFrame);
      case LEGACY.QUEUE_NUM:
        return this.onQueue(this.queueSize);
      case LEGACY.QUEUE_SEL:
        return this.queueSelect;
      case LEGACY.STATUS:
        return this.status;
      case LEGACY.ISR:
        return 0;
      default:
        return ONES;
    }
  }

  private setLegacy(offset: number, value: number): void {
    if (offset === LEGACY.GUEST_FEATURES) this.guestFeatures[0] = (value & LEGACY_FEATURES) >>> 0;
    else if (offset === LEGACY.QUEUE_PFN && this.queueSelect === FIRST_QUEUE) {
      // Address 0 resets the whole device.
      if (value === 0) this.reset();
      else this.queueFrame = value;
    } else if (offset === LEGACY.QUEUE_SEL) this.queueSelect = value & 0xffff;
    else if (offset === LEGACY.STATUS) this.setStatus(value);
  }

  /** Unlike in the legacy layout, what is no register reads 0. */
  private modern(offset: number): number {
    if (offset >= ISR_OFFSET) return 0;
    switch (offset) {
      case COMMON.DFSELECT:
        return this.deviceSelect;
      case COMMON.DF:
        return MODERN_FEATURES[this.deviceSelect] ?? 0;
      case COMMON.GFSELECT:
        return this.driverSelect;
      case COMMON.GF:
        return this.guestFeatures[this.driverSelect] ?? 0;
      case COMMON.MSIX:
        return NO_VECTOR;
      case COMMON.NUMQ:
        return 1;
      case COMMON.STATUS:
        return this.status;
      case COMMON.Q_SELECT:
        return this.queueSelect;
      case COMMON.Q_SIZE:
        return this.onQueue(this.queueSize);
      case COMMON.Q_MSIX:
        return NO_VECTOR;
      case COMMON.Q_ENABLE:
        return this.onQueue(this.queueEnabled);
      default:
        return 0;
    }
  }

  private setModern(offset: number, value: number): void {
    if (offset === COMMON.DFSELECT) this.deviceSelect = value;
    else if (offset === COMMON.GFSELECT) this.driverSelect = value;
    else if (offset === COMMON.GF && this.driverSelect < 2)
      this.guestFeatures[this.driverSelect] = (value & MODERN_FEATURES[this.driverSelect]!) >>> 0;
    else if (offset === COMMON.STATUS) this.setStatus(value);
    else if (offset === COMMON.Q_SELECT) this.queueSelect = value & 0xffff;
    else if (offset === COMMON.Q_SIZE && this.queueSelect === FIRST_QUEUE) this.queueSize = value & 0xffff;
    else if (offset === COMMON.Q_ENABLE && this.queueSelect === FIRST_QUEUE) this.queueEnabled = value & 1;
  }

  private setStatus(value: number): void {
    if ((value & 0xff) === 0) this.reset();
    else this.status = value & 0xff;
  }

  private onQueue(value: number): number {
    return this.queueSelect === FIRST_QUEUE ? value : 0;
  }
}

export const virtioRng: ModelFactory = () => new VirtioRng();
