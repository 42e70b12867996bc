/** The sample variant of docs/writing-a-variant.md: that it works as the page says, and that the page shows the real file. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TALLY, TALLY_ID } from '../../sim/devices/sample/model.ts';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { regionOffset, setNumber64 } from '../../src/client/index.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import { POLL } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { device_ioeventfd, MIG_STATE, PCI_IRQ, PCI_REGION, REGION_INFO_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { dossierOf } from '../../src/variant/dossier.ts';
import { dossierText } from '../../src/variant/dossier-render.ts';
import { FORMAT, SAFEGUARDS, sample } from '../../variants/sample/index.ts';
import { boot, FIRST, SECOND, streamAt3, Tenant } from './sample-tenant.ts';

const FILE = 'variants/sample/index.ts';
const { STOP, RUNNING, STOP_COPY, RESUMING } = MIG_STATE;

describe('migration', () => {
  test('state saved on one machine goes on counting on another, with its interrupt', () => {
    const stream = streamAt3();
    expect(FORMAT.split(stream).records).toHaveLength(1);
    const target = new Tenant(boot(), SECOND);
    expect(target.register(TALLY.ID)).toBe(TALLY_ID);
    expect(target.load(stream, 1)).toBe(0);
    expect(target.device.setState(RUNNING)).toMatchObject({ result: 0, state: RUNNING });
    expect([target.register(TALLY.LIMIT), target.register(TALLY.COUNT)]).toEqual([10, 3]);
    const { process } = target.client;
    target.device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
    const eventfd = process.files.install(new EventFd());
    expect(target.device.setIrqs(PCI_IRQ.MSI, 0, [eventfd])).toBe(0);
    target.tick(7);
    expect(target.register(TALLY.COUNT)).toBe(0);
    expect(process.poll(eventfd) & POLL.IN).toBe(1);
  });

  test('a device that is not running counts nothing', () => {
    const tenant = new Tenant(boot(), FIRST);
    tenant.tick(2);
    tenant.device.setState(STOP);
    tenant.tick(2);
    expect(tenant.register(TALLY.COUNT)).toBe(2);
    tenant.device.setState(RUNNING);
    tenant.tick(1);
    expect(tenant.register(TALLY.COUNT)).toBe(3);
  });

  test('a data file is dead after its session, and a reset ends the session', () => {
    const tenant = new Tenant(boot(), FIRST);
    const { dataFd } = tenant.device.setState(RESUMING);
    expect(tenant.device.reset()).toBe(0);
    expect(tenant.device.getState().state).toBe(RUNNING);
    expect(tenant.write(dataFd, streamAt3())).toBe(-ERRNO.ENODEV);
    tenant.tick(1);
    expect(tenant.register(TALLY.COUNT)).toBe(1);
  });

  test('with memory disabled the window does not answer, and nothing made up is saved', () => {
    const tenant = new Tenant(boot(), FIRST);
    tenant.device.setState(STOP);
    tenant.device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, 0);
    expect(tenant.device.setState(STOP_COPY).result).toBe(-ERRNO.EIO);
    expect(tenant.device.getState().state).toBe(STOP);
  });
});

test('the window is not reachable for the user, by any door', () => {
  const { device, client } = new Tenant(boot(), FIRST);
  const WINDOW = 2;
  expect(device.read(WINDOW, 0, 4)).toBe(-ERRNO.ENODEV);
  expect(device.write(WINDOW, 0, 4, 1)).toBe(-ERRNO.ENODEV);
  const how = { read: true, write: true, shared: true };
  expect(client.process.mmap(device.fd, regionOffset(WINDOW), 4096, how)).toBe(-ERRNO.EINVAL);
  expect(device.regionInfo(WINDOW)).toMatchObject({ flags: REGION_INFO_FLAG.READ | REGION_INFO_FLAG.WRITE });
  const { at, size } = device_ioeventfd;
  const view = client.scratch.begin(size);
  view.setUint32(at.argsz, size, true);
  view.setUint32(at.flags, 4, true);
  setNumber64(view, at.offset, regionOffset(WINDOW));
  view.setInt32(at.fd, client.process.files.install(new EventFd()), true);
  expect(client.process.ioctl(device.fd, VFIO.DEVICE_IOEVENTFD, client.scratch.put(size))).toBe(-ERRNO.ENODEV);
});

test('describe prints what the driver declares', () => {
  const text = dossierText(dossierOf(sample.declaration));
  for (const { name, checks } of Object.values(SAFEGUARDS)) {
    expect(text).toContain(name);
    expect(text).toContain(checks);
  }
  expect(text).toContain('BAR 2');
});

describe('the page', () => {
  const file = readFileSync(FILE, 'utf8');
  const page = readFileSync('docs/writing-a-variant.md', 'utf8');
  const blocks = (language: string): string[] =>
    [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, tag]) => tag === language).map(([, , code]) => code!);

  test('its code is the sample, whole and in order', () => {
    expect(blocks('ts').join('\n')).toBe(file);
  });
  test('its parent is one that compiles', () => {
    expect(blocks('typescript').join('')).toBe(readFileSync('test/docs/parent-example.ts', 'utf8'));
  });
  test('what it shows of describe is what describe prints', () => {
    const printed = dossierText(dossierOf(sample.declaration));
    expect(blocks('text').length).toBeGreaterThan(0);
    for (const part of blocks('text')) expect(printed).toContain(part);
  });
  test('the sample is short', () => {
    expect(file.split('\n').length - 1).toBeLessThan(150);
  });
});
