/**
 * What of an answer is not compared. Each rule speaks about a kind of value that a machine is free to choose, or that
 * changes by itself; none knows a script or a line.
 */
import { viewOf } from '../kernel/bytes.ts';
import { HOT_RESET_FLAG, PCI_REGION, pci_dependent_device, pci_hot_reset_info, VFIO } from '../uapi/vfio.ts';
import { fromHex } from './bytes.ts';
import { bitsWithoutAddresses } from './config-addresses.ts';
import type { Outcome } from './outcome.ts';
import { REGION_SIZE } from './place.ts';
import type { Context } from './run.ts';

/** What the rules may ask about the machine. */
export interface MachineView {
  liveRegisters(bdf: string): boolean;
  /** Whether the function is a virtual function. */
  isVirtual(bdf: string): boolean;
  /** The configuration space of a function as the hardware holds it. */
  configSpace(bdf: string): Uint8Array | undefined;
}

/** For each byte of a field, the bits that are compared; `nothing` for a field that is not compared at all. */
export interface FieldMask {
  readonly field: 'data' | 'out' | 'value' | 'probe';
  readonly compared: Uint8Array | 'nothing';
}

type Rule = (context: Context, expected: Outcome, machine: MachineView) => FieldMask | undefined;

/** Firmware and the kernel choose BARs and MSI messages; the file in sysfs shows them as they are. */
const rawAddresses: Rule = ({ handle, offset = 0 }, { data }, machine) => {
  if (handle?.kind !== 'config' || handle.device === undefined || data === undefined) return undefined;
  const config = machine.configSpace(handle.device);
  if (config === undefined) return undefined;
  const bits = bitsWithoutAddresses(config);
  const compared = new Uint8Array(data.length / 2).fill(0xff);
  compared.set(bits.subarray(offset, offset + compared.length));
  return compared.every((byte) => byte === 0xff) ? undefined : { field: 'data', compared };
};

/** The registers of a real device change by themselves. */
const liveRegisters: Rule = ({ handle, offset }, expected, machine) => {
  if (handle?.kind !== 'device' || handle.device === undefined || offset === undefined) return undefined;
  if (Math.floor(offset / REGION_SIZE) > PCI_REGION.BAR5 || !machine.liveRegisters(handle.device)) return undefined;
  const field = (['data', 'value', 'probe'] as const).find((name) => expected[name] !== undefined);
  return field === undefined ? undefined : { field, compared: 'nothing' };
};

/** Groups are numbered in the order in which devices appear, and virtual functions appear at any time. */
const groupNumbers: Rule = ({ handle, request }, { out }, machine) => {
  // The number is also a container's request.
  if (handle?.kind !== 'device' || request !== VFIO.DEVICE_GET_PCI_HOT_RESET_INFO || out === undefined)
    return undefined;
  const bytes = fromHex(out);
  const view = viewOf(bytes);
  const { size: header, at } = pci_hot_reset_info;
  // Device ids are the caller's, and compared.
  if (bytes.length < header || (view.getUint32(at.flags, true) & HOT_RESET_FLAG.DEV_ID) !== 0) return undefined;
  const compared = new Uint8Array(bytes.length).fill(0xff);
  const count = view.getUint32(at.count, true);
  const { size, at: entry } = pci_dependent_device;
  for (let i = 0; i < count && header + (i + 1) * size <= bytes.length; i++) {
    const start = header + i * size;
    const bdf = nameOf(
      view.getUint16(start + entry.segment, true),
      view.getUint8(start + entry.bus),
      view.getUint8(start + entry.devfn),
    );
    if (machine.isVirtual(bdf)) compared.fill(0, start + entry.group_id, start + entry.group_id + 4);
  }
  return compared.every((byte) => byte === 0xff) ? undefined : { field: 'out', compared };
};

function nameOf(segment: number, bus: number, devfn: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${hex(segment, 4)}:${hex(bus, 2)}:${hex(devfn >> 3, 2)}.${devfn & 7}`;
}

const RULES: readonly Rule[] = [rawAddresses, liveRegisters, groupNumbers];

/** The masks that hold for one answer. */
export function masksFor(context: Context, expected: Outcome, machine: MachineView): FieldMask[] {
  return RULES.map((rule) => rule(context, expected, machine)).filter((mask) => mask !== undefined);
}
