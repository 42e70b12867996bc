/** A PCI function as data: what a person writes to describe one. JSON-shaped on purpose; numbers may be hex strings. */

/** A base address register. A 64-bit BAR takes two slots; `index` names the lower one. */
export interface BarDescription {
  readonly index: number;
  readonly kind: 'mem32' | 'mem64' | 'io';
  /** Bytes, a power of two. */
  readonly size: number;
  readonly prefetch?: boolean;
  /** Where firmware puts it; placed automatically if not given. */
  readonly address?: number;
  /** The platform holds the range (a firmware table, a boot console): no driver can reserve it. */
  readonly claimed?: boolean;
}

/** An expansion ROM. */
export interface RomDescription {
  /** Of the BAR, bytes, a power of two. */
  readonly size: number;
  /** Contents from the start, hex; behind them the ROM reads all ones. */
  readonly image: string;
  /** Where firmware puts it; placed automatically if not given. */
  readonly address?: number;
  /** The display that firmware booted on: a copy of the image stands in memory at 0xC0000, and the kernel uses that. */
  readonly shadow?: boolean;
}

/** A capability: which one, where, and its body as hex (without the two header bytes, or the four extended ones). */
export interface CapabilityDescription {
  /** A name of the capability tables (`pm`, `msix`, `sriov` ...), or an id the tables do not know. */
  readonly kind: string | number;
  readonly at: number;
  /** Bytes after the header, hex; missing bytes are 0. */
  readonly body?: string;
  /** Version of an extended header, where it differs from the table's. */
  readonly version?: number;
  /** Extra or different write masks: [offset in the capability, width, read-write mask]. */
  readonly writable?: readonly (readonly [number, 1 | 2 | 4, number])[];
  /** Its length, where it differs from the table's; 4 for an id that the tables do not know. */
  readonly size?: number;
  /** Extended, for an id the tables do not know. */
  readonly extended?: boolean;
}

/** SR-IOV: how many VFs, where their ids fall, and what each is. BAR sizes are of one VF. */
export interface SriovDescription {
  readonly totalVfs: number;
  readonly offset: number;
  readonly stride: number;
  readonly vf: FunctionDescription;
}

/** One function. */
export interface FunctionDescription {
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  /** Class, subclass, programming interface: 0xccsspp. */
  readonly class: number;
  readonly revision?: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  /** INTx pin, 1 (A) to 4; 0 or none: no INTx. */
  readonly interruptPin?: number;
  /** Interrupt line as firmware wrote it. */
  readonly interruptLine?: number;
  readonly bars?: readonly BarDescription[];
  /** Expansion ROM: its BAR size in bytes and its contents. */
  readonly rom?: RomDescription;
  readonly capabilities?: readonly CapabilityDescription[];
  /** Vital product data behind a `vpd` capability, hex; without it the capability never completes a transfer. */
  readonly vpd?: string;
  /** Writable COMMAND bits; the specification's unless the machine differs. */
  readonly commandMask?: number;
  /** COMMAND as firmware left it, in addition to decode of assigned BARs. */
  readonly command?: number;
  /** Bytes outside header and capabilities: plain memory (as emulators do), or reserved and zero. */
  readonly unassigned?: 'memory' | 'zero';
  readonly sriov?: SriovDescription;
  /** 256 or 4096 bytes of configuration space; 4096 for PCI Express functions if not given. */
  readonly configSize?: 256 | 4096;
  /** Which device model answers behind the BARs; `inert` (reads 0, ignores writes) if not given. */
  readonly model?: string;
  /** Registers of the real device change by themselves: a recorded value cannot be compared. */
  readonly liveRegisters?: boolean;
  /** What the function cannot do although its registers say so: an FLR, to come back from a bus reset, to mask INTx. */
  readonly quirks?: readonly ('no_flr' | 'no_bus_reset' | 'broken_intx_masking')[];
}

/** A port or bridge, and what is below it. */
export interface BridgeDescription {
  readonly kind: 'root-port' | 'upstream-port' | 'downstream-port' | 'pcie-to-pci';
  readonly devfn: string;
  /** ACS capability bits the port has (and the kernel enables); 0: no ACS. */
  readonly acs?: number;
  readonly ariForwarding?: boolean;
  /** Link-active reporting, and whether it comes back after a secondary bus reset. */
  readonly linkActive?: 'none' | 'returns' | 'stays-down';
  /** AtomicOps: bits of DEVCAP2 that a root port completes (0x80, 0x100, 0x200), and whether a switch port routes them. */
  readonly atomics?: { readonly completes?: number; readonly routes?: boolean };
  readonly below: readonly SlotDescription[];
}

/** What sits at a device number. */
export type SlotDescription = BridgeDescription | { readonly devfn: string; readonly function: FunctionDescription };

/** IOMMU features of the machine. */
export interface IommuDescription {
  /** First and last IOVA that can be mapped. */
  readonly aperture: readonly [number, number];
  /** Supported page sizes in bytes. */
  readonly pageSizes: readonly number[];
  /** Leaf entries have dirty bits. */
  readonly dirtyTracking?: boolean;
  /** Page tables of the user's making can be nested on others. */
  readonly nesting?: boolean;
  /** Virtual IOMMUs can be made for guests: of Arm's SMMUv3, with or without NVIDIA's command queues. */
  readonly virtual?: 'arm-smmuv3' | 'tegra241-cmdqv';
  /** Functions with a PASID capability have an address space for each PASID. */
  readonly pasid?: boolean;
  /** Functions with ATS and PRI capabilities can ask for pages. */
  readonly pageRequests?: boolean;
  /** Interrupt remapping: without it a device can forge interrupts. */
  readonly interruptRemapping?: boolean;
  /** No hardware at all: page tables are a record for software. Not for machines. */
  readonly software?: boolean;
  /** Blocks no-snoop (VFIO_DMA_CC_IOMMU). */
  readonly enforceCoherency?: boolean;
}

/** A whole machine. */
export interface MachineDescription {
  readonly name: string;
  /** Without one every device reaches all memory, and its users are trusted (no-IOMMU mode). */
  readonly iommu?: IommuDescription | undefined;
  /** What sits on the root bus, 00. */
  readonly root: readonly SlotDescription[];
}
