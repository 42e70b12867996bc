/**
 * A variant driver as a plug-in: what it declares about itself, and the drivers it brings. Variants without a parent
 * (a whole GPU, an s390 function) declare none and bring no parent drivers; a variant whose PFs have several drivers
 * brings them all.
 */
import type { PciDevice } from '../kernel/pci/device.ts';
import type { PciDriver, PciId } from '../kernel/pci/driver.ts';
import type { Task } from '../kernel/sleep.ts';
import type { VfioRegistry } from '../pci-core/registry.ts';
import type { MigrationFormat } from './format.ts';
import type { Interactions, ParentDeclaration, ParentObservers } from './interaction.ts';
import type { AnySafeguard } from './safeguard.ts';

/** Something other than a parent that the driver relies on: firmware tables, a CPU facility. */
export interface TrustedInput {
  readonly name: string;
  readonly meaning: string;
  readonly safeguards: readonly AnySafeguard[];
}

/** Part of the device that the driver hides, moves or makes up, against what vfio-pci would show. */
export interface RegionChange {
  readonly region: string;
  readonly change: string;
  readonly safeguards: readonly AnySafeguard[];
}

/** Everything a reviewer is told, as data. */
export interface VariantDeclaration {
  /** The driver's name, e.g. `mlx5-vfio-pci`. */
  readonly driver: string;
  readonly title: string;
  readonly summary: string;
  readonly ids: readonly PciId[];
  /** Callbacks that differ from vfio-pci-core, and why. */
  readonly overrides: readonly { readonly callback: string; readonly why: string }[];
  /** VFIO_MIGRATION_* flags offered, and whether device writes can be logged; 0: not migratable. */
  readonly migrationFlags: number;
  readonly dirtyLogging: boolean;
  readonly parent: ParentDeclaration<Interactions> | undefined;
  readonly formats: readonly MigrationFormat[];
  /** How loaded data takes effect, and what an incomplete stream does. */
  readonly consumption: string;
  readonly regions: readonly RegionChange[];
  readonly inputs: readonly TrustedInput[];
  readonly safeguards: readonly AnySafeguard[];
}

/** Enabling and disabling VFs, for parent drivers (pci_enable_sriov, pci_disable_sriov). */
export interface SriovControl {
  enable(device: PciDevice, numVfs: number): Task<number>;
  disable(device: PciDevice): Task<void>;
}

/** What the machine lends to a variant's drivers. */
export interface VariantDependencies {
  readonly vfio: VfioRegistry;
  readonly sriov: SriovControl;
  readonly observers: ParentObservers;
}

/** Drivers of one machine; those of the PFs first bound, the variant's own by driver_override. */
export interface VariantDrivers {
  readonly variant: PciDriver;
  readonly parents: readonly PciDriver[];
}

/** What is known of a variant without loading it. */
export interface DeclaredVariant {
  /** Short name, e.g. `mlx5`: the folder under variants/. */
  readonly name: string;
  readonly declaration: VariantDeclaration;
}

/** A variant: the plug-in interface. */
export interface VariantModule extends DeclaredVariant {
  drivers(deps: VariantDependencies): VariantDrivers;
}

/** pci_iov_get_pf_drvdata: the PF driver's data, if the VF's PF is bound to `parent`. */
export function parentData(vf: PciDevice, parent: PciDriver): unknown {
  const physfn = vf.physfn;
  return physfn !== undefined && physfn.driver === parent ? physfn.driverData : undefined;
}
