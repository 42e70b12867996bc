/** Buses, ports and functions: who sits below whom, which address is whose, and where requests are redirected. */
import { type Interval, Intervals } from '../intervals.ts';
import type { BridgeDescription } from './description.ts';
import type { PciFunction } from './function.ts';
import type { RequesterId } from './place.ts';
import { ACS_BITS } from './registers.ts';

/** A port or bridge in place: its own id, the bus below it, and the bridge above. */
export interface Bridge {
  readonly id: RequesterId;
  readonly description: BridgeDescription;
  readonly secondary: number;
  readonly parent: Bridge | undefined;
  /** ACS control bits in force: what the port has of SV, RR, CR, UF (pci_request_acs). */
  readonly acs: number;
}

/** An address range that a BAR claims. */
interface Window extends Interval {
  readonly target: PciFunction;
  readonly bar: number;
}

/** A hit: which BAR, at which offset, and how many bytes are left in it. */
export interface Hit {
  readonly target: PciFunction;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** Bridges and functions of one machine, and which requests reach a peer without passing the root. */
export class Topology {
  readonly bridges: Bridge[] = [];
  readonly functions = new Map<RequesterId, PciFunction>();
  private readonly windows = new Intervals<Window>();
  private readonly byBus = new Map<number, Bridge>();

  addBridge(bridge: Bridge): void {
    this.bridges.push(bridge);
    this.byBus.set(bridge.secondary, bridge);
  }

  /** Puts a function's BAR windows on the map. */
  add(fn: PciFunction): void {
    this.functions.set(fn.id, fn);
    fn.windows.forEach((start, bar) => {
      const size = fn.template.bars[bar]?.size;
      if (start !== undefined && size !== undefined) this.windows.insert({ start, length: size, target: fn, bar });
    });
  }

  remove(fn: PciFunction): void {
    this.functions.delete(fn.id);
    for (const window of this.windows.items.filter((w) => w.target === fn)) this.windows.remove(window);
  }

  /** The bridge whose secondary bus the id is on; VFs on further buses count as below the PF's bridge. */
  bridgeAbove(fn: PciFunction): Bridge | undefined {
    return this.byBus.get((fn.physical ?? fn).id >> 8);
  }

  /** The BAR that claims a physical address. */
  decode(address: number): Hit | undefined {
    const window = this.windows.at(address);
    if (window === undefined) return undefined;
    const offset = address - window.start;
    return { target: window.target, bar: window.bar, offset, length: window.length - offset };
  }

  /** Whether a BAR of another function than `fn`, or another BAR of it, claims something in [start, end). */
  claimedByOther(fn: PciFunction, start: number, end: number): boolean {
    return this.windows.items.some(
      (w) => (w.target !== fn || w.start >= start) && w.start < end && w.start + w.length > start,
    );
  }

  /**
   * A request that never reaches the root: a switch (or the function's own device) that does not redirect sends it
   * straight to the peer whose BAR has that address (6.12.1.1), bypassing the IOMMU.
   */
  directPeer(requester: PciFunction, address: number): Hit | undefined {
    const above = this.bridgeAbove(requester);
    if (above === undefined || above.description.kind === 'root-port') return undefined;
    if (above.acs & ACS_BITS.RR && above.description.kind !== 'pcie-to-pci') return undefined;
    const hit = this.decode(address);
    if (hit === undefined || hit.target === requester) return undefined;
    const other = this.bridgeAbove(hit.target);
    const shared = other !== undefined && (other === above || other.parent === above.parent);
    return shared && above.parent !== undefined ? hit : undefined;
  }
}
