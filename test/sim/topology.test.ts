import { describe, expect, test } from 'vitest';
import type { PeerEvent } from '../../sim/fabric.ts';
import type { SlotDescription } from '../../sim/pci/description.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import { Bare, ROOT_PORT, simple } from './bare.ts';

/** Two cards below the downstream ports of one switch; `acs` of those ports. Buses: 1 upstream, 2 downstream, 3, 4. */
function behindSwitch(acs: number): Bare {
  const down = (devfn: string): SlotDescription => ({
    kind: 'downstream-port',
    devfn,
    acs,
    below: [{ devfn: '00.0', function: simple(devfn) }],
  });
  const upstream: SlotDescription = {
    kind: 'upstream-port',
    devfn: '00.0',
    acs: 0,
    below: [down('00.0'), down('01.0')],
  };
  return new Bare([{ ...ROOT_PORT, devfn: '01.0', below: [upstream] }]);
}

function peers(bare: Bare): PeerEvent[] {
  const seen: PeerEvent[] = [];
  bare.hardware.fabric.events.on('peer', (event) => seen.push(event));
  return seen;
}

/** a writes to b's BAR 0 at its bus address; what arrived, and whether the write was taken. */
function attempt(bare: Bare, a: PciFunction, b: PciFunction): [boolean, number] {
  bare.domain(a);
  const taken = bare.probe(a).ports.dma.write(b.windows[0]! + 0x10, Uint8Array.of(0x78, 0x56, 0x34, 0x12));
  return [taken, bare.probe(b).read(0, 0x10, 4)];
}

describe('peer to peer behind a switch', () => {
  // covers: HW17 HW19
  test('without ACS a write to a peer’s bus address goes straight there, past the IOMMU', () => {
    const bare = behindSwitch(0);
    const seen = peers(bare);
    expect(attempt(bare, bare.fn('03:00.0'), bare.fn('04:00.0'))).toEqual([true, 0x1234_5678]);
    expect(seen).toMatchObject([{ bar: 0, offset: 0x10, length: 4, write: true }]);
  });

  // covers: HW17 HW19
  test('with request redirection it goes up to the IOMMU, which knows no such address', () => {
    const bare = behindSwitch(0x1d);
    expect(attempt(bare, bare.fn('03:00.0'), bare.fn('04:00.0'))).toEqual([false, 0]);
    expect(peers(bare)).toEqual([]);
  });

  // covers: HW19
  test('redirected, it arrives where a mapping leads to the peer’s BAR', () => {
    const bare = behindSwitch(0x1d);
    const [a, b] = [bare.fn('03:00.0'), bare.fn('04:00.0')];
    const seen = peers(bare);
    bare.domain(a).map({ start: 0x7000, length: 0x1000, physical: b.windows[0]!, read: true, write: true });
    bare.probe(b).write(0, 0x20, 4, 0xcafe);
    const into = new Uint8Array(4);
    expect(bare.probe(a).ports.dma.read(0x7020, into)).toBe(true);
    expect([...into]).toEqual([0xfe, 0xca, 0, 0]);
    expect(seen).toMatchObject([{ offset: 0x20, write: false }]);
  });

  // covers: HW19 HW22
  test('a peer that does not decode answers all ones', () => {
    const bare = behindSwitch(0);
    const [a, b] = [bare.fn('03:00.0'), bare.fn('04:00.0')];
    bare.domain(a);
    b.configWrite(4, 2, 0);
    const into = new Uint8Array(4);
    bare.probe(a).ports.dma.read(b.windows[0]!, into);
    expect([...into]).toEqual([0xff, 0xff, 0xff, 0xff]);
  });
});

test('cards below different root ports never reach each other directly', () => {
  const slot = (devfn: string): SlotDescription => ({
    kind: 'root-port',
    devfn,
    acs: 0,
    below: [{ devfn: '00.0', function: simple(devfn) }],
  });
  const bare = new Bare([slot('01.0'), slot('02.0')]);
  expect(attempt(bare, bare.fn('01:00.0'), bare.fn('02:00.0'))).toEqual([false, 0]);
});

// covers: HW13
test('behind a PCIe-to-PCI bridge every requester is seen as function 0 of the bus below', () => {
  const bridge: SlotDescription = {
    kind: 'pcie-to-pci',
    devfn: '00.0',
    below: ['03.0', '05.0'].map((devfn) => ({ devfn, function: simple(devfn, { capabilities: [], configSize: 256 }) })),
  };
  const bare = new Bare([{ ...ROOT_PORT, devfn: '01.0', below: [bridge] }]);
  const [a, b] = [bare.fn('02:03.0'), bare.fn('02:05.0')];
  expect([a.aliasId, b.aliasId]).toEqual([0x200, 0x200]);
  const extent = bare.memory(a, 0x1000);
  bare.master(b);
  expect(bare.probe(b).ports.dma.write(0x1000, Uint8Array.of(3))).toBe(true);
  expect(bare.bytes(extent.start, 1)).toEqual([3]);
});

test('buses are numbered in the order in which firmware finds the bridges', () => {
  const bare = behindSwitch(0);
  expect(bare.hardware.topology.bridges.map(({ id, secondary }) => [id, secondary])).toEqual([
    [0x0008, 1],
    [0x0100, 2],
    [0x0200, 3],
    [0x0208, 4],
  ]);
  expect(bare.hardware.functions.map((fn) => fn.name)).toEqual(['0000:03:00.0', '0000:04:00.0']);
});

test('an address belongs to the BAR whose window holds it, to the last byte', () => {
  const bare = behindSwitch(0);
  const { topology } = bare.hardware;
  const fn = bare.fn('03:00.0');
  const start = fn.windows[0]!;
  const last = topology.decode(start + 0x3fff)!;
  expect([last.target === fn, last.bar, last.offset, last.length]).toEqual([true, 0, 0x3fff, 1]);
  expect([start - 1, start + 0x4000].map((at) => topology.decode(at)?.target === fn)).toEqual([false, false]);
});
