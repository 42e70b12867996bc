/** A machine of a few small files, for tests of the trace player: one function, its group, its sysfs entries. */
import { PhysicalMemory } from '../../sim/memory.ts';
import { Scheduler, type Task } from '../../sim/scheduler.ts';
import { AddressSpace } from '../../src/kernel/address-space.ts';
import type { Backing, OpenFile } from '../../src/kernel/file.ts';
import type { PathLookup } from '../../src/kernel/path-lookup.ts';
import { Process } from '../../src/kernel/process.ts';
import type { Machine } from '../../src/trace/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';

/** The function of the fake machine. */
export const BDF = '0000:00:03.0';
const REGION = 2 ** 40;
const CONFIG_REGION = 7;

/** What a test can look at and change. */
export interface FakeMachine extends Machine {
  /** The configuration space, which is both region 7 of the device and the raw file. */
  readonly config: Uint8Array;
  readonly bar: Uint8Array;
  /** Paths and texts written to sysfs, in order. */
  readonly written: [path: string, text: string][];
  live: boolean;
  /** False: accesses to the mapped BAR fault. */
  memoryEnabled: boolean;
}

/** A machine with one function, `config` being its configuration space. */
export function fakeMachine(config = new Uint8Array(256)): FakeMachine {
  const machine: FakeMachine = {
    config,
    bar: new Uint8Array(4096),
    written: [],
    live: false,
    memoryEnabled: true,
    liveRegisters: (bdf) => machine.live && bdf === BDF,
    configSpace: (bdf) => (bdf === BDF ? machine.config : undefined),
    process: (name) => {
      const memory = new AddressSpace(new PhysicalMemory(), name);
      const links = new Map([[`/sys/bus/pci/devices/${BDF}/iommu_group`, '../../../kernel/iommu_groups/15']]);
      const paths: PathLookup = {
        open: (_, path) => openPath(machine, links, path),
        readlink: (path) => links.get(path) ?? -ERRNO.ENOENT,
        readdir: (path) => (path === `/sys/bus/pci/devices/${BDF}/vfio-dev` ? ['vfio3'] : -ERRNO.ENOENT),
      };
      return new Process(name, memory, new Scheduler(), paths, []);
    },
  };
  return machine;
}

function openPath(machine: FakeMachine, links: Map<string, string>, path: string): OpenFile | number {
  if (path === '/dev/vfio/15') return group(machine);
  if (path === '/dev/vfio/devices/vfio3') return device(machine);
  if (path === `/sys/bus/pci/devices/${BDF}/config`) return bytesFile(machine.config, 0);
  if (path === '/sys/slow') return sysfs(machine, path, 3e9);
  if (path === '/dev/stuck') return stuck;
  const driver = /^\/sys\/bus\/pci\/drivers\/([a-z-]+)\/bind$/.exec(path)?.[1];
  const link = `/sys/bus/pci/devices/${BDF}/driver`;
  if (driver !== undefined) links.set(link, `/sys/bus/pci/drivers/${driver}`);
  if (path.startsWith(`${link}/`) && !links.has(link)) return -ERRNO.ENOENT;
  if (path.endsWith('/unbind')) links.delete(link);
  return path.startsWith('/sys/bus/') ? sysfs(machine, path, 0) : -ERRNO.ENOENT;
}

/** Reads as "1\n"; writes are noted, after `delay` nanoseconds. */
function sysfs(machine: FakeMachine, path: string, delay: number): OpenFile {
  return {
    name: path,
    read: ({ memory }, address) => (memory.write(address, Buffer.from('1\n')) ? 2 : -ERRNO.EFAULT),
    write: ({ memory }, address, length) => {
      machine.written.push([path, Buffer.from(memory.read(address, length)!).toString()]);
      return delay === 0 ? length : after(delay, length);
    },
  };
}

function* after(delay: number, ret: number): Task<number> {
  yield delay;
  return ret;
}

/** A file whose read never ends unless interrupted. */
const stuck: OpenFile = {
  name: 'stuck',
  read: () =>
    (function* (): Task<number> {
      while ((yield 10e9) !== 'interrupted');
      return -ERRNO.EINTR;
    })(),
};

function bytesFile(bytes: Uint8Array, base: number): OpenFile {
  return {
    name: 'bytes',
    read: ({ memory }, address, length, position = 0) => {
      const at = position - base;
      if (at < 0 || at >= bytes.length) return -ERRNO.EINVAL;
      const part = bytes.subarray(at, at + length);
      return memory.write(address, part) ? part.length : -ERRNO.EFAULT;
    },
    write: ({ memory }, address, length, position = 0) => {
      const at = position - base;
      if (at < 0 || at >= bytes.length) return -ERRNO.EINVAL;
      bytes.set(memory.read(address, length)!, at);
      return length;
    },
  };
}

function group(machine: FakeMachine): OpenFile {
  return {
    name: 'group',
    ioctl: (caller, command) => {
      if (command === VFIO.GROUP_GET_DEVICE_FD) return caller.files.install(device(machine));
      return command === VFIO.GROUP_GET_STATUS ? -ERRNO.EINVAL : -ERRNO.ENOTTY;
    },
  };
}

/** GET_INFO answers, GET_REGION_INFO writes 4 bytes too many, GET_IRQ_INFO gives a descriptor at offset 12. */
function device(machine: FakeMachine): OpenFile {
  const backing: Backing = {
    load: (offset, into) => {
      into.set(machine.bar.subarray(offset, offset + into.length));
      return machine.memoryEnabled;
    },
    store: (offset, bytes) => {
      machine.bar.set(bytes, offset);
      return machine.memoryEnabled;
    },
    physical: () => undefined,
  };
  const config = bytesFile(machine.config, CONFIG_REGION * REGION);
  const bar = bytesFile(machine.bar, 0);
  return {
    name: 'device',
    read: (caller, address, length, position = 0) =>
      (position < REGION ? bar : config).read!(caller, address, length, position),
    write: (caller, address, length, position = 0) =>
      (position < REGION ? bar : config).write!(caller, address, length, position),
    mmap: () => backing,
    ioctl: (caller, command, argument) => {
      const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
      const put = (offset: number, bytes: Uint8Array): number =>
        caller.memory.write(argument + offset, bytes) ? 0 : -ERRNO.EFAULT;
      if (command === VFIO.DEVICE_GET_INFO) return put(4, words(2, 9, 5));
      if (command === VFIO.DEVICE_GET_REGION_INFO) return put(28, words(1, 2));
      if (command === VFIO.DEVICE_GET_IRQ_INFO) return put(12, words(caller.files.install({ name: 'new' })));
      return command === VFIO.DEVICE_RESET ? 0 : -ERRNO.ENOTTY;
    },
  };
}
