/** The directory of one PCI device (drivers/pci/pci-sysfs.c, iov.c; drivers/base/bus.c), Linux 7.3. */
import { PCI } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciBus } from '../pci/bus.ts';
import type { PciDevice } from '../pci/device.ts';
import { applicableMethods, probeReset, resetAround, resetFunctionLocked, resetMethods } from '../pci/reset.ts';
import { setNumVfs } from '../pci/sriov.ts';
import { kstrtobool } from './kstrtobool.ts';
import { parseUnsigned } from './kstrtouint.ts';
import { type Attribute, collection, type Directory, directory, type Node, value } from './node.ts';

const hex = (number: number, digits: number): string => `0x${number.toString(16).padStart(digits, '0')}`;

/** What of a device other subsystems add to its directory, by name. */
export type Extra = (device: PciDevice) => Readonly<Record<string, () => Node | undefined>>;

export function pciDeviceDirectory(device: PciDevice, bus: PciBus, extra: Extra): Directory {
  const config = (at: number, width: number): number => device.readConfig(at, width);
  const entries: Record<string, () => Node | undefined> = {
    vendor: () => value(() => hex(device.vendor, 4)),
    device: () => value(() => hex(device.device, 4)),
    class: () => value(() => hex(config(PCI.CLASS_PROG - 1, 4) >>> 8, 6)),
    revision: () => value(() => hex(config(PCI.REVISION_ID, 1), 2)),
    subsystem_vendor: () => value(() => hex(config(PCI.SUBSYSTEM_VENDOR_ID, 2), 4)),
    subsystem_device: () => value(() => hex(config(PCI.SUBSYSTEM_ID, 2), 4)),
    irq: () => value(() => (device.irq ? config(PCI.INTERRUPT_LINE, 1) : 0)),
    resource: () => ({ kind: 'attribute', show: () => resourceText(device) }),
    config: () => ({
      kind: 'binary',
      read: (offset, length) => device.function.config.bytes.slice(offset, Math.min(offset + length, device.cfgSize)),
      write: (offset, bytes) => writeConfig(device, offset, bytes),
    }),
    driver_override: () => driverOverride(device),
    driver: () => (device.driver ? { kind: 'link', target: `/sys/bus/pci/drivers/${device.driver.name}` } : undefined),
    iommu_group: () =>
      device.group === undefined ? undefined : { kind: 'link', target: `/sys/kernel/iommu_groups/${device.group.id}` },
    reset: () => (applicableMethods(device).length > 0 ? reset(device) : undefined),
    reset_method: () => (applicableMethods(device).length > 0 ? resetMethod(device) : undefined),
    remove: () => ({
      kind: 'attribute',
      store: (text) => {
        const number = parseUnsigned(text);
        if (number === undefined) return -ERRNO.EINVAL;
        return number === 0 ? 0 : remove(device, bus);
      },
    }),
    ...(device.physfn ? { physfn: () => ({ kind: 'link', target: devicePath(device.physfn!.name) }) as const } : {}),
    ...(device.isSriovPf ? sriovEntries(device) : {}),
    ...extra(device),
  };
  return directory(entries);
}

/** /sys/bus/pci/devices/NAME. */
export function devicePath(name: string): string {
  return `/sys/bus/pci/devices/${name}`;
}

function sriovEntries(device: PciDevice): Record<string, () => Node | undefined> {
  const entries: Record<string, () => Node | undefined> = {
    sriov_totalvfs: () => value(() => device.totalVfs),
    sriov_numvfs: () => ({
      kind: 'attribute',
      show: () => `${device.numVfs}\n`,
      store: (text) => {
        const number = parseUnsigned(text);
        return number === undefined ? -ERRNO.EINVAL : setNumVfs(device, number);
      },
    }),
    sriov_drivers_autoprobe: () => ({
      kind: 'attribute',
      show: () => `${device.sriovDriversAutoprobe ? 1 : 0}\n`,
      store: (text) => {
        const wanted = kstrtobool(text);
        if (wanted === undefined) return -ERRNO.EINVAL;
        device.sriovDriversAutoprobe = wanted;
        return 0;
      },
    }),
    sriov_offset: () => value(() => device.function.template.description.sriov!.offset),
    sriov_stride: () => value(() => device.function.template.description.sriov!.stride),
    sriov_vf_device: () => value(() => device.function.template.description.sriov!.vf.device.toString(16)),
  };
  for (const vf of device.virtfns) entries[`virtfn${vf.vfId}`] = () => ({ kind: 'link', target: devicePath(vf.name) });
  return entries;
}

function driverOverride(device: PciDevice): Attribute {
  return {
    kind: 'attribute',
    show: () => `${device.driverOverride ?? '(null)'}\n`,
    store: (text) => {
      // driver_set_override: kstrndup.
      if (device.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const name = text.split('\n')[0]!;
      device.driverOverride = name === '' ? undefined : name;
      return 0;
    },
  };
}

/** pci_stop_and_remove_bus_device: waits until the driver has let go. A rescan of the bus finds the device again. */
function* remove(device: PciDevice, bus: PciBus): Task<number> {
  if (bus.devices.get(device.name) === device) yield* bus.removeDevice(device);
  return 0;
}

/** reset_method_store: which methods are tried, and in which order; `default`: all, in the kernel's; empty: none. */
function resetMethod(device: PciDevice): Attribute {
  const names = (): string =>
    resetMethods(device)
      .map((method) => method.name)
      .join(' ');
  return {
    kind: 'attribute',
    show: () => (names() === '' ? '' : `${names()}\n`),
    store(text) {
      const words = text.split(/\s+/).filter((word) => word !== '');
      if (words.length === 1 && words[0] === 'default') {
        device.resetOrder = undefined;
        return 0;
      }
      if (words.length > 0 && device.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const chosen = words.map((word) => applicableMethods(device).find(({ name }) => name === word));
      if (chosen.includes(undefined) || new Set(words).size < words.length) return -ERRNO.EINVAL;
      device.resetOrder = words;
      return 0;
    },
  };
}

function reset(device: PciDevice): Attribute {
  return {
    kind: 'attribute',
    store: (text) => (parseUnsigned(text) === 1 ? tryReset(device) : -ERRNO.EINVAL),
  };
}

/** pci_reset_function: waits for the device lock, where a user's reset would answer EAGAIN. */
function* tryReset(device: PciDevice): Task<number> {
  if (probeReset(device) < 0) return -ERRNO.ENOTTY;
  yield* device.lock.lock();
  const result = yield* resetAround(device, () => resetFunctionLocked(device));
  device.lock.unlock();
  return result;
}

/** pci_write_config splits at natural alignment: byte, word, dwords, word, byte. */
function writeConfig(device: PciDevice, offset: number, bytes: Uint8Array): number {
  const end = Math.min(offset + bytes.length, device.cfgSize);
  if (offset >= end) return 0;
  for (let at = offset; at < end; ) {
    const left = end - at;
    const width = at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1;
    let word = 0;
    for (let i = width - 1; i >= 0; i--) word = word * 256 + bytes[at - offset + i]!;
    device.writeConfig(at, width, word);
    at += width;
  }
  return end - offset;
}

function resourceText(device: PciDevice): string {
  const wide = (n: number): string => `0x${n.toString(16).padStart(16, '0')}`;
  return device.resources
    .map((r) =>
      r.length === 0
        ? `${wide(0)} ${wide(0)} ${wide(0)}`
        : `${wide(r.start)} ${wide(r.start + r.length - 1)} ${wide(resourceFlags(r))}`,
    )
    .join('\n')
    .concat('\n');
}

/** IORESOURCE_* bits of include/linux/ioport.h. */
function resourceFlags(r: { io: boolean; prefetch: boolean; wide: boolean }): number {
  return r.io ? 0x40101 : 0x40200 | (r.prefetch ? 0x2008 : 0) | (r.wide ? 0x100004 : 0);
}

/** The directories of all devices. */
export function pciDevices(bus: PciBus, extra: Extra): Directory {
  return collection(
    () => bus.devices.keys(),
    (name) => {
      const device = bus.devices.get(name);
      return device && pciDeviceDirectory(device, bus, extra);
    },
  );
}
