/** What the recordings do not show of the serial card: its stream going in, its interrupts, its ports, its making. */
import { beforeEach, describe, expect, test } from 'vitest';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { ContainerClient, type DeviceClient } from '../../src/client/index.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { IRQ_SET, MIG_STATE, PCI_IRQ, PCI_REGION } from '../../src/uapi/vfio.ts';
import { mtty } from './index.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY } = MIG_STATE;
const UUID = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001';
const TYPES = '/sys/devices/virtual/mtty/mtty/mdev_supported_types';
const HEADER = 24;
const WHOLE = 24 + 2 * 36;

let process: Process;
let client: ContainerClient;
let group: number;
let device: DeviceClient;

function echo(path: string, text: string): number {
  const fd = process.open(path, { read: false, write: true, nonblock: false });
  if (fd < 0) return fd;
  const result = process.write(fd, client.scratch.load(Buffer.from(text)), text.length);
  process.close(fd);
  return result;
}
const create = (uuid: string, type = 'mtty-2'): number => echo(`${TYPES}/${type}/create`, uuid);

function read(fd: number, length = 4096): Uint8Array | number {
  const result = process.read(fd, client.scratch.address, length);
  return result < 0 ? result : process.memory.read(client.scratch.address, result)!;
}
const write = (fd: number, bytes: Uint8Array): number => process.write(fd, client.scratch.load(bytes), bytes.length);

/** The whole stream of the device as it is now; it runs again afterwards. */
function stream(): Uint8Array {
  const bytes = read(device.setState(STOP_COPY).dataFd) as Uint8Array;
  device.setState(RUNNING);
  return bytes;
}

beforeEach(() => {
  const machine = new Machine(mlx5Machine, { modules: [mtty.load] });
  process = machine.process('user');
  client = new ContainerClient(process);
  expect(create(UUID)).toBe(UUID.length);
  const link = process.readlink(`/sys/bus/mdev/devices/${UUID}/iommu_group`) as string;
  group = client.addGroup(link.split('/').at(-1)!);
  device = client.openDevice(group, UUID) as DeviceClient;
});

describe('devices are made and taken away', () => {
  test('once for each UUID, and as long as there are ports', () => {
    expect(create(UUID)).toBe(-ERRNO.EEXIST);
    expect(create('no uuid')).toBe(-ERRNO.EINVAL);
    for (let n = 10; n < 21; n++) expect(create(`${UUID.slice(0, -2)}${n}`)).toBe(UUID.length);
    expect(create(`${UUID.slice(0, -2)}99`)).toBe(-ERRNO.EUSERS);
  });

  test('and then their group is gone', () => {
    const path = `/sys/bus/mdev/devices/${UUID}`;
    const number = (process.readlink(`${path}/iommu_group`) as string).split('/').at(-1);
    device.close();
    process.close(group);
    expect(echo(`${path}/remove`, '1')).toBe(1);
    expect(process.open(`/dev/vfio/${number}`)).toBe(-ERRNO.ENOENT);
    expect(process.readdir('/sys/bus/mdev/devices')).toEqual([]);
  });
});

describe('ports', () => {
  test('give back what was sent, in order, as far as the FIFO reaches', () => {
    device.write(PCI_REGION.BAR0, 2, 1, 1);
    for (const byte of [1, 2, 3]) device.write(PCI_REGION.BAR0, 0, 1, byte);
    expect([0, 0, 0].map(() => device.read(PCI_REGION.BAR0, 0, 1))).toEqual([1, 2, 3]);
    for (let n = 0; n < 17; n++) device.write(PCI_REGION.BAR0, 0, 1, n);
    expect(device.read(PCI_REGION.BAR0, 5, 1) & 0x03).toBe(0x03);
    expect(device.read(PCI_REGION.BAR0, 5, 1) & 0x03).toBe(0x01);
  });

  test('are apart', () => {
    device.write(0, 7, 1, 0xaa);
    device.write(1, 7, 1, 0x55);
    expect([device.read(0, 7, 1), device.read(1, 7, 1), device.read(2, 7, 1)]).toEqual([0xaa, 0x55, -ERRNO.EFAULT]);
  });
});

describe('interrupts', () => {
  const trigger = (index: number): number => device.setIrqs(index, 0, [], IRQ_SET.DATA_NONE | IRQ_SET.ACTION_TRIGGER);

  test('cannot be set before the device was asked what it has', () => {
    const fd = process.files.install(new EventFd());
    expect(device.setIrqs(PCI_IRQ.INTX, 0, [fd])).toBe(-ERRNO.EINVAL);
    device.info();
    expect(device.setIrqs(PCI_IRQ.INTX, 0, [fd])).toBe(0);
    expect(device.setIrqs(PCI_IRQ.MSIX, 0, [fd])).toBe(-ERRNO.ENOTTY);
    expect(device.setIrqs(PCI_IRQ.MSI, 0, [fd])).toBe(-ERRNO.EINVAL);
    const mask = IRQ_SET.DATA_NONE | IRQ_SET.ACTION_MASK;
    expect(device.setIrqs(PCI_IRQ.MSI, 0, [], mask)).toBe(-ERRNO.ENOTTY);
    expect(trigger(PCI_IRQ.INTX)).toBe(0);
    expect(device.setIrqs(PCI_IRQ.MSI, 0, [fd])).toBe(0);
  });
});

describe('a port interrupts', () => {
  const IER = 1;
  let event: EventFd;
  beforeEach(() => {
    event = new EventFd();
    device.info();
    expect(device.setIrqs(PCI_IRQ.MSI, 0, [process.files.install(event)])).toBe(0);
    // One byte at a time, and due an interrupt.
    device.write(0, 2, 1, 0);
  });
  const count = (): number => Number(event.drain());

  test('for a byte received, if that was asked for', () => {
    device.write(0, 0, 1, 0x42);
    expect(count()).toBe(0);
    device.read(0, 0, 1);
    device.write(0, IER, 1, 1);
    device.write(0, 0, 1, 0x42);
    expect(count()).toBe(1);
  });

  test('for a byte lost, and for a FIFO read empty', () => {
    device.write(0, IER, 1, 4);
    device.write(0, 0, 1, 1);
    device.write(0, 0, 1, 2);
    expect(count()).toBe(1);
    device.write(0, IER, 1, 2);
    device.read(0, 0, 1);
    expect(count()).toBe(1);
  });

  test('for modem lines that change, and not for its neighbour', () => {
    device.write(0, IER, 1, 8);
    device.write(1, 4, 1, 8);
    expect(count()).toBe(0);
    device.write(0, 4, 1, 8);
    expect(count()).toBe(1);
  });
});

describe('migration', () => {
  test('a whole stream makes another device the same', () => {
    device.write(0, 7, 1, 0xaa);
    device.write(1, 2, 1, 1);
    device.write(1, 0, 1, 0x42);
    const saved = stream();
    expect(saved.length).toBe(WHOLE);
    expect(device.dataSize()).toBe(WHOLE);
    device.write(0, 7, 1, 0);
    device.read(1, 0, 1);
    const { dataFd } = device.setState(RESUMING);
    for (let at = 0; at < saved.length; at += 7) write(dataFd, saved.subarray(at, at + 7));
    expect(device.setState(RUNNING).result).toBe(0);
    expect([device.read(0, 7, 1), device.read(1, 0, 1)]).toEqual([0xaa, 0x42]);
  });

  // covers: MG10 MG12
  test('PRE_COPY shows the header, STOP_COPY the ports behind it', () => {
    const { dataFd } = device.setState(PRE_COPY);
    expect(device.precopyInfo(dataFd)).toMatchObject({ result: 0, initial: HEADER, dirty: 0 });
    expect(read(dataFd)).toHaveLength(HEADER);
    expect(device.precopyInfo(dataFd)).toMatchObject({ result: 0, initial: 0, dirty: 0 });
    expect(read(dataFd)).toHaveLength(0);
    expect(device.setState(STOP_COPY)).toMatchObject({ result: 0, dataFd: -1 });
    expect(read(dataFd)).toHaveLength(WHOLE - HEADER);
    device.reset();
    expect([read(dataFd), device.precopyInfo(dataFd).result]).toEqual([-ERRNO.ENODEV, -ERRNO.EINVAL]);
  });

  test('less than a whole stream cannot be left but by a reset', () => {
    const { dataFd } = device.setState(RESUMING);
    write(dataFd, stream0().subarray(0, WHOLE - 1));
    expect(device.setState(STOP).result).toBe(-ERRNO.EINVAL);
    expect(device.getState().state).toBe(RESUMING);
    device.reset();
    expect(device.getState().state).toBe(RUNNING);
  });

  test('a stream that is too long, or of another make, is refused', () => {
    const bad = stream0();
    bad[8] = 2;
    const { dataFd } = device.setState(RESUMING);
    expect(write(dataFd, new Uint8Array(WHOLE + 1))).toBe(-ERRNO.ENOMEM);
    expect(write(dataFd, bad.subarray(0, 10))).toBe(10);
    expect(write(dataFd, bad.subarray(10, 30))).toBe(-ERRNO.EFAULT);
    expect(write(dataFd, bad.subarray(30))).toBe(WHOLE - 30);
    expect(device.setState(STOP).result).toBe(0);
  });

  test('a stream whose FIFO points outside stays inside', () => {
    const bad = stream0();
    bad.fill(0xff, HEADER + 24, HEADER + 27);
    const { dataFd } = device.setState(RESUMING);
    expect(write(dataFd, bad)).toBe(WHOLE);
    expect(device.setState(RUNNING).result).toBe(0);
    for (let n = 0; n < 40; n++) expect(device.read(0, 0, 1)).toBeLessThan(0x100);
  });

  test('closed in RESUMING, it is not left but by a reset', () => {
    device.setState(RESUMING);
    device.close();
    device = client.openDevice(group, UUID) as DeviceClient;
    expect(device.setState(RUNNING).result).toBe(-ERRNO.EINVAL);
    expect(device.getState().state).toBe(RESUMING);
    device.reset();
    expect(device.getState().state).toBe(RUNNING);
  });

  test('the last close ends the session and keeps the state', () => {
    const { dataFd } = device.setState(STOP_COPY);
    device.close();
    device = client.openDevice(group, UUID) as DeviceClient;
    expect(device.getState().state).toBe(STOP_COPY);
    expect(read(dataFd)).toBe(-ERRNO.ENODEV);
  });

  /** The stream of a device nobody has used. */
  function stream0(): Uint8Array {
    const bytes = new Uint8Array(WHOLE);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, 0x7e9d_0989_8c3e_2c4en, true);
    view.setUint32(8, 1, true);
    view.setUint32(16, 2, true);
    return bytes;
  }
});
