/** What the hardware does: memory requests, interrupts, peers, resets, and what a command changes in which partition. */
import type { FabricEvents } from '../../../sim/fabric.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Site } from '../profiles/profile.ts';
import type { World } from '../world.ts';
import type { Chronicle } from './chronicle.ts';
import type { Lane } from './event.ts';
import { hex } from './words.ts';

/** Changes a function makes to itself, and the bookkeeping of the command queue. */
const NOT_TOLD = new Set(['job', 'register', 'reset', 'command queue']);

/** Listens at the fabric. Whoever comes before the monitor hears of a thing before it is judged. */
export function watchHardware(chronicle: Chronicle, { hardware }: Machine, { a, b }: Site): void {
  const { events } = hardware.fabric;
  const whose = (fn: PciFunction): Lane | undefined => (fn === a.fn ? 'A' : fn === b.fn ? 'B' : undefined);
  const device = (fn: PciFunction): string => {
    const owner = whose(fn);
    return owner === undefined ? fn.name : `${owner}'s device`;
  };
  const say = (text: string, from: Lane, to: Lane, sort: string): void => chronicle.note({ from, to, text, sort });

  const on = <N extends keyof FabricEvents>(name: N, listener: (event: FabricEvents[N][0]) => void): void => {
    events.on(name, listener as never);
  };
  on('dma', ({ requester, iova, physical, length, write }) => {
    const memory = hardware.memory.owner(physical);
    // A PF that fetches its commands from the memory of its driver is not worth a line.
    if (whose(requester) === undefined && memory === `kernel:${requester.name}`) return;
    const text = `${device(requester)}: DMA ${write ? 'write' : 'read'}, ${length} bytes at IOVA ${hex(iova)}`;
    // Whose memory it is, and not whose it should be.
    const owner = memory === 'tenant A' ? 'A' : memory === 'tenant B' ? 'B' : 'host';
    say(text, 'device', owner, `${requester.name} DMA ${write}`);
  });
  on('fault', ({ requester, address, write, reason }) =>
    say(
      `${device(requester)}: ${write ? 'write' : 'read'} at ${hex(address)} blocked (${reason})`,
      'device',
      'device',
      'fault',
    ),
  );
  on('peer', ({ requester, target, bar, offset, write }) =>
    say(
      `${device(requester)}: ${write ? 'writes' : 'reads'} BAR${bar} + ${hex(offset)} of ${device(target)}`,
      'device',
      'device',
      'peer',
    ),
  );
  on('interrupt', ({ requester, vector }) => {
    if (whose(requester) === undefined && vector.requesterId === requester.aliasId) return;
    say(`${device(requester)}: interrupt message, host vector ${vector.index}`, 'device', 'VFIO', 'interrupt');
  });
  on('reset', ({ target, kind }) => say(`${kind.toUpperCase()} reset of ${device(target)}`, 'VFIO', 'device', 'reset'));
}

/** Listens at the tenants' eventfds. */
export function watchEvents(chronicle: Chronicle, { tenants }: World): void {
  for (const { name, events } of tenants)
    for (const [index, { file }] of events.entries()) {
      const { signal } = file;
      file.signal = (count) => {
        chronicle.note({ from: 'VFIO', to: name, text: `eventfd ${index} of ${name} is signalled`, sort: 'signal' });
        signal.call(file, count);
      };
    }
}

/** A listener for partitions, to stand in front of another. */
export function partitionEar(chronicle: Chronicle): (partition: string, what: string) => void {
  return (partition, what) => {
    if (NOT_TOLD.has(what)) return;
    chronicle.note({ from: 'parent', to: 'device', text: `${partition}: ${what}`, sort: 'partition' });
  };
}
