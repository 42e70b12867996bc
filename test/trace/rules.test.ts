import { describe, expect, test } from 'vitest';
import { parseStep } from '../../src/trace/index.ts';
import { requestRule, ruleOf } from '../../src/trace/rules/index.ts';
import type { Context } from '../../src/trace/run.ts';
import { VERBS } from '../../src/trace/step.ts';
import { IOMMU } from '../../src/uapi/iommufd.ts';
import { FEATURE, VFIO } from '../../src/uapi/vfio.ts';

/** Which file a request of VFIO goes to; containers share theirs with an iommufd. */
function kindsOf(name: string): ('device' | 'group' | 'migration' | 'container' | 'iommufd')[] {
  if (name.startsWith('DEVICE_')) return ['device'];
  if (name.startsWith('GROUP_')) return ['group'];
  return name.startsWith('MIG_') ? ['migration'] : ['container', 'iommufd'];
}

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const device = { kind: 'device', device: '0000:00:03.0' } as const;

/** The section under which a line falls. */
function sectionOf(line: string, context: Context, config?: Uint8Array): string | undefined {
  return ruleOf(parseStep(line, 1), context, config)?.section;
}

describe('every request has a rule of its own', () => {
  test.each(Object.entries(VFIO))('VFIO_%s', (name, number) => {
    for (const kind of kindsOf(name)) {
      expect(requestRule(kind, number)).toBeDefined();
      expect(requestRule(kind, number)).not.toBe(requestRule(kind, 0x3bff));
    }
  });

  test.each(Object.entries(IOMMU))('IOMMU_%s', (name, number) => {
    expect(requestRule('iommufd', number)!.section).toMatch(new RegExp(`: ${name.replace(/^IOAS_(?!ALLOC)/, '')}$`));
  });

  test.each(Object.entries(FEATURE))('VFIO_DEVICE_FEATURE_%s', (_, feature) => {
    const context = { handle: device, request: VFIO.DEVICE_FEATURE, input: words(8, 0x40000 | feature) };
    expect(ruleOf(parseStep('ioctl x VFIO_DEVICE_FEATURE', 1), context, undefined)).not.toBe(
      requestRule('device', VFIO.DEVICE_FEATURE),
    );
  });

  test('and one that a file does not know is under the rule of the file', () => {
    for (const kind of ['device', 'group', 'container', 'iommufd', 'migration'] as const)
      expect(requestRule(kind, 0x3bff)).toBeDefined();
  });
});

test('a sentence, a section and a kernel function stand behind each', () => {
  const numbers = [...Object.values(VFIO), ...Object.values(IOMMU), 0x3bff];
  for (const kind of ['device', 'group', 'container', 'iommufd', 'migration'] as const)
    for (const { section, source, rule } of numbers.map((number) => requestRule(kind, number)!)) {
      expect(section).toMatch(/^(core-pci|core-vfio|migration-core|pci-hw) \d+(\.\d+)? \S/);
      expect(source).toMatch(/\w+\.[ch]: \w+/);
      expect(rule.length).toBeGreaterThan(10);
    }
});

describe('an access is under the rule of what it meets', () => {
  const config = new Uint8Array(4096);
  config[0x06] = 0x10;
  config[0x34] = 0x40;
  config.set([0x01, 0x50, 0x03, 0x00], 0x40);
  config.set([0x10, 0x00, 0x02, 0x00], 0x50);
  config.set([0x01, 0x00, 0x02, 0x00], 0x100);
  const at = (region: number, offset: number): Context => ({ handle: device, offset: region * 2 ** 40 + offset });

  test.each([
    [7, 0x04, 'core-pci 8.3 standard header masks'],
    [7, 0x44, 'core-pci 8.4 standard capabilities: PM'],
    [7, 0x58, 'core-pci 8.4 standard capabilities: PCIe'],
    [7, 0x104, 'core-pci 8.5 extended capabilities: AER'],
    [7, 0xf0, 'core-pci 8.2 access engine'],
    [0, 0x10, 'core-pci 6.2 BAR and ROM'],
    [6, 0x10, 'core-pci 6.2 BAR and ROM'],
    [8, 0x10, 'core-pci 6.4 VGA'],
    [9, 0x10, 'core-pci 6.1 dispatch'],
  ])('region %i at 0x%x: %s', (region, offset, section) => {
    expect(sectionOf('pread x r0 4', at(region, offset), config)).toBe(section);
  });

  test('and interrupts are under that of their index', () => {
    const context = (index: number): Context => ({
      handle: device,
      request: VFIO.DEVICE_SET_IRQS,
      input: words(20, 0x21, index, 0, 1),
    });
    const sections = [0, 1, 2, 3, 4, 5].map((index) => sectionOf('ioctl x VFIO_DEVICE_SET_IRQS', context(index)));
    expect(sections.map((section) => section!.split(' ')[1])).toEqual(['9.3', '9.4', '9.4', '9.5', '9.5', '9.1']);
  });
});

describe('what is no request', () => {
  test.each<[string, Context, string]>([
    ['open x /dev/iommu', { handle: { kind: 'iommufd' }, path: '/dev/iommu' }, 'core-vfio 9 iommufd object model'],
    ['close x', { handle: device }, 'core-pci 2.4 close'],
    ['mmap m x r0 4096 rw', { handle: device }, 'core-pci 7 mmap'],
    ['mmap m x 0 4096 rw', { handle: { kind: 'iommufd' } }, 'core-vfio 13 vIOMMU, vDEVICE, HW queue'],
    ['peek m 0 4', {}, 'core-pci 7 mmap'],
    ['efdread e', {}, 'core-pci 9 Interrupts'],
    ['read x 4', { handle: { kind: 'migration' } }, 'migration-core 6 Data fd rules'],
    ['read x 40', { handle: { kind: 'faults' } }, 'core-vfio 14 Event fds'],
    ['pread x 0 4', { handle: { kind: 'config', device: 'x' }, offset: 0 }, 'pci-hw 1 Configuration transactions'],
    ['syswrite /sys/a/sriov_numvfs 1', { path: '/sys/a/sriov_numvfs' }, 'core-pci 12.3 SR-IOV via vfio-pci'],
    ['bg t /sys/a/driver/unbind x', { path: '/sys/a/driver/unbind' }, 'core-pci 2.5 unregister (driver remove)'],
    ['bind d 0000:00:03.0', {}, 'core-pci 15 Driver binding and module parameters'],
    ['unbind 0000:00:03.0', {}, 'core-pci 2.5 unregister (driver remove)'],
    [
      'dump b 0 8',
      { through: { handle: { kind: 'iommufd' }, request: IOMMU.IOAS_IOVA_RANGES } },
      'core-vfio 10 iommufd ioctls: IOVA_RANGES',
    ],
    [
      'ioctl x 0x3b6b',
      { handle: { kind: 'device', device: '83b8f4f2-509f' }, request: VFIO.DEVICE_GET_INFO },
      'migration-core 13 The mtty sample device',
    ],
  ])('%s has a rule too', (line, context, section) => {
    expect(sectionOf(line, context)).toBe(section);
  });

  test('only what a script does by itself has none', () => {
    const operands: Record<string, string> = {
      fd: 'x',
      variable: 'v',
      number: '1',
      word: 'w',
      path: '/p',
      text: 't',
      protection: 'rw',
    };
    const context: Context = { handle: device, path: '/sys/p' };
    const without = Object.entries(VERBS)
      .map(([verb, kinds]) =>
        [verb, ...kinds.map((kind) => (kind === 'request' ? '0x3b6b' : operands[kind]))].join(' '),
      )
      .map((line) => parseStep(line.replace(/ +/g, ' ').trim(), 1))
      .filter((step) => ruleOf(step, context, undefined) === undefined)
      .map(({ verb }) => verb);
    expect(without.sort()).toEqual([
      'buf',
      'devinfo',
      'dump',
      'dup',
      'eventfd',
      'fill',
      'mdev',
      'memfd',
      'put',
      'set',
      'setstr',
      'sleep',
    ]);
  });
});
