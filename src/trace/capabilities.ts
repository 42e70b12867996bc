/** Walks the capability lists of a configuration space. */
import { PCI, STATUS } from '../../sim/pci/registers.ts';

/** A capability: its id, and the offset at which it starts. */
export interface FoundCapability {
  readonly id: number;
  readonly at: number;
}

/** The most capabilities that a list of either kind can have without a circle. */
const MOST = { standard: 48, extended: 96 } as const;

/** The standard capabilities; a list that runs in a circle ends. */
export function* capabilities(config: Uint8Array): Generator<FoundCapability> {
  if (((config[PCI.STATUS] ?? 0) & STATUS.CAP_LIST) === 0) return;
  let at = (config[PCI.CAPABILITY_LIST] ?? 0) & 0xfc;
  for (let budget: number = MOST.standard; at >= 0x40 && at < config.length && budget > 0; budget--) {
    yield { id: config[at]!, at };
    at = (config[at + 1] ?? 0) & 0xfc;
  }
}

/** The extended capabilities, likewise. */
export function* extendedCapabilities(config: Uint8Array): Generator<FoundCapability> {
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  let at: number = PCI.CFG_SPACE_SIZE;
  for (
    let budget: number = MOST.extended;
    at >= PCI.CFG_SPACE_SIZE && at + 4 <= config.length && budget > 0;
    budget--
  ) {
    const header = view.getUint32(at, true);
    if (header === 0 || header === 0xffff_ffff) return;
    yield { id: header & 0xffff, at };
    at = (header >>> 20) & 0xffc;
  }
}
