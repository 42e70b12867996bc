/**
 * Which arguments mean something. Tenants may pass anything to the kernel, but an operation is more than a call: some
 * arguments index what the lab keeps, or say how often. A number from outside is brought inside; one that a campaign
 * could have chosen stays as it is.
 */
import { type ArgumentPlace, BYTE, type Domain, type DomainTable } from './domain.ts';
import { DEVICE_DOMAINS } from './domains-device.ts';
import { MAPPING_DOMAINS, MAPPING_NAMES } from './domains-mappings.ts';
import { PCI_DOMAINS } from './domains-pci.ts';

const DOMAINS: DomainTable = { ...DEVICE_DOMAINS, ...PCI_DOMAINS, ...MAPPING_DOMAINS };

/** What is in no table is a byte: small enough for what counts or repeats. */
export function domainOf(op: string, name: string, place: ArgumentPlace): Domain {
  return (DOMAINS[`${op}.${name}`] ?? MAPPING_NAMES[name] ?? BYTE)(place);
}
