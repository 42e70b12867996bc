/** What a device model is to the function around it. A model gets the ports it needs, never the machine. */
import type { PageRequest, Respond } from '../iommu/page-requests.ts';
import type { ConfigSpace } from './config-space.ts';
import type { InterruptMode } from './messages.ts';

/** Why a device returns to its power-on state. */
export type ResetKind = 'flr' | 'pm' | 'bus';

/** 64 bits as two numbers: the low half, the high half. */
export type Quad = readonly [low: number, high: number];

/** Which of the two address spaces a legacy VGA address is in. */
export type LegacySpace = 'memory' | 'io';

/** The behaviour behind the BARs. Widths are 1, 2 or 4 bytes. */
export interface DeviceModel {
  read(bar: number, offset: number, width: number): number;
  write(bar: number, offset: number, width: number, value: number): void;
  /** Accesses of 8 bytes, aligned; without these they arrive as two of 4, low half first. */
  read8?(bar: number, offset: number): Quad;
  write8?(bar: number, offset: number, value: Quad): void;
  /** Legacy VGA addresses of a display controller: absolute, and not in any BAR. */
  readLegacy?(space: LegacySpace, address: number, width: number): number;
  writeLegacy?(space: LegacySpace, address: number, width: number, value: number): void;
  reset(kind: ResetKind): void;
  /** What the device holds for its drivers, by name; for whoever looks for leaks. */
  resources?(): Readonly<Record<string, number>>;
}

/** Memory requests with the function's own requester id; they fail while bus mastering or D0 is off. */
export interface DmaPort {
  read(iova: number, into: Uint8Array, pasid?: number): boolean;
  write(iova: number, bytes: Uint8Array, pasid?: number): boolean;
  /** Asks for a page; false unless page requests are enabled. `respond` is called when the group is answered. */
  pageRequest(request: PageRequest, respond: Respond): boolean;
}

/** Interrupts of the function: a message (MSI or MSI-X vector), and the level of its INTx pin. */
export interface InterruptPort {
  message(vector: number): void;
  level(asserted: boolean): void;
  /** The message capability that is enabled now. */
  readonly mode: InterruptMode;
}

/** Device time: calls back after virtual nanoseconds, unless the function was reset in between. */
export interface DevicePorts {
  readonly config: ConfigSpace;
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  /** VF number, 0-based; undefined for a PF or a plain function. */
  readonly vf: number | undefined;
  later(delay: number, work: () => void): void;
}

/** Makes a model. A VF's model is made with the PF's, which is where firmware and shared state live. */
export type ModelFactory = (ports: DevicePorts, physical: DeviceModel | undefined) => DeviceModel;

/** A device without behaviour: registers read 0 and ignore writes. */
export const inert: ModelFactory = () => ({ read: () => 0, write: () => {}, reset: () => {} });
