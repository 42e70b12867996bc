/**
 * The one way out of a function. Every DMA, interrupt message and peer-to-peer access passes here, and here stands the
 * IOMMU; a confinement monitor listens here and needs to listen nowhere else. Nobody listening costs nothing.
 */
import { EventEmitter } from 'eventemitter3';
import { bytesOf, viewOf, zeroedView } from './bytes.ts';
import type { InterruptController, Vector } from './interrupts.ts';
import { type Iommu, MSI_WINDOW } from './iommu/iommu.ts';
import type { PhysicalMemory } from './memory.ts';
import type { PciFunction } from './pci/function.ts';
import { moveBytes } from './pci/move-bytes.ts';
import type { Topology } from './pci/topology.ts';

/** A memory request that reached memory. Addresses and lengths in bytes. */
export interface DmaEvent {
  readonly requester: PciFunction;
  readonly pasid: number | undefined;
  readonly iova: number;
  readonly physical: number;
  readonly length: number;
  readonly write: boolean;
}
/** A request that was blocked. */
export interface FaultEvent {
  readonly requester: PciFunction;
  readonly address: number;
  readonly write: boolean;
  readonly reason: 'translation' | 'address' | 'interrupt';
}
/** A request that reached another function's BAR. */
export interface PeerEvent {
  readonly requester: PciFunction;
  readonly target: PciFunction;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  readonly write: boolean;
}
/** An interrupt message that selected a vector. */
export interface InterruptEvent {
  readonly requester: PciFunction;
  readonly vector: Vector;
}
/** An access to a BAR that the function does not claim: an unsupported request, which can bring a host down. */
export interface UnclaimedEvent {
  readonly target: PciFunction;
  readonly bar: number;
  readonly offset: number;
  readonly write: boolean;
}
/** A reset of a function, by whatever means. */
export interface ResetEvent {
  readonly target: PciFunction;
  readonly kind: 'flr' | 'pm' | 'bus';
}

/** What the monitor can listen to. */
export interface FabricEvents {
  dma: [DmaEvent];
  fault: [FaultEvent];
  peer: [PeerEvent];
  interrupt: [InterruptEvent];
  reset: [ResetEvent];
  unclaimed: [UnclaimedEvent];
}

function inMsiWindow(address: number): boolean {
  return address >= MSI_WINDOW.start && address < MSI_WINDOW.start + MSI_WINDOW.length;
}

/** All functions of one machine send here. `events` is where a monitor listens. */
export class Fabric {
  readonly events = new EventEmitter<FabricEvents>();
  readonly memory: PhysicalMemory;
  readonly iommu: Iommu;
  readonly interrupts: InterruptController;
  readonly topology: Topology;

  constructor(memory: PhysicalMemory, iommu: Iommu, interrupts: InterruptController, topology: Topology) {
    this.memory = memory;
    this.iommu = iommu;
    this.interrupts = interrupts;
    this.topology = topology;
  }

  /** A memory read request. False: unsupported request or fault, and `into` holds all ones from the failing byte on. */
  read(requester: PciFunction, iova: number, into: Uint8Array, pasid?: number): boolean {
    for (let done = 0; done < into.length; ) {
      const rest = done === 0 ? into : into.subarray(done);
      const count = this.run(requester, iova + done, false, rest, pasid);
      if (count === 0) {
        into.fill(0xff, done);
        return false;
      }
      done += count;
    }
    return true;
  }

  /** A memory write request. False: blocked from the failing byte on; bytes before it have been written. */
  write(requester: PciFunction, iova: number, bytes: Uint8Array, pasid?: number): boolean {
    for (let done = 0; done < bytes.length; ) {
      const rest = done === 0 ? bytes : bytes.subarray(done);
      const count = this.run(requester, iova + done, true, rest, pasid);
      if (count === 0) return false;
      done += count;
    }
    return true;
  }

  /** One contiguous piece of a request; the bytes it covered, 0 if blocked. */
  private run(requester: PciFunction, address: number, write: boolean, bytes: Uint8Array, pasid?: number): number {
    const { length } = bytes;
    if (inMsiWindow(address) && pasid === undefined) {
      if (!write || length !== 4) return this.fault(requester, address, write, 'interrupt');
      return this.interrupt(requester, address, viewOf(bytes).getUint32(0, true));
    }
    const peer = this.topology.directPeer(requester, address);
    if (peer !== undefined) return this.peer(requester, peer, Math.min(length, peer.length), write, bytes);
    const domain = this.iommu.domainOf(requester.aliasId, pasid);
    let physical = address;
    let count = length;
    if (domain.kind !== 'identity') {
      const mapping =
        domain.kind === 'nested'
          ? domain.translateNested(this.memory, address, write)
          : domain.translate(address, write);
      if (mapping === undefined) return this.fault(requester, address, write, 'translation');
      const offset = address - mapping.start;
      physical = mapping.physical + offset;
      count = Math.min(count, mapping.length - offset);
      if (write && mapping.dirty !== undefined) mapping.dirty.mark(offset, count);
    }
    const window = this.topology.decode(physical);
    if (window !== undefined) return this.peer(requester, window, Math.min(count, window.length), write, bytes);
    const part = bytes.length === count ? bytes : bytes.subarray(0, count);
    const ok = write ? this.memory.write(physical, part) : this.memory.read(physical, part);
    if (!ok) return this.fault(requester, address, write, 'address');
    if (this.events.listenerCount('dma') > 0)
      this.events.emit('dma', { requester, pasid, iova: address, physical, length: count, write });
    return count;
  }

  /** A message as a function sends it: a write of four bytes, and an interrupt if the address says so. */
  message(requester: PciFunction, address: number, data: number): void {
    if (inMsiWindow(address)) {
      this.interrupt(requester, address, data);
      return;
    }
    const view = zeroedView(4);
    view.setUint32(0, data, true);
    this.write(requester, address, bytesOf(view));
  }

  private interrupt(requester: PciFunction, address: number, data: number): number {
    const vector = this.interrupts.lookup(requester.aliasId, data);
    if (vector === undefined) return this.fault(requester, address, true, 'interrupt');
    if (this.events.listenerCount('interrupt') > 0) this.events.emit('interrupt', { requester, vector });
    vector.handler();
    return 4;
  }

  private peer(
    requester: PciFunction,
    window: { target: PciFunction; bar: number; offset: number },
    count: number,
    write: boolean,
    bytes: Uint8Array,
  ): number {
    const { target, bar, offset } = window;
    if (this.events.listenerCount('peer') > 0)
      this.events.emit('peer', { requester, target, bar, offset, length: count, write });
    moveBytes(target, bar, offset, bytes.subarray(0, count), write);
    return count;
  }

  private fault(requester: PciFunction, address: number, write: boolean, reason: FaultEvent['reason']): 0 {
    if (this.events.listenerCount('fault') > 0) this.events.emit('fault', { requester, address, write, reason });
    return 0;
  }
}
