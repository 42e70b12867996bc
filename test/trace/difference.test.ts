import { describe, expect, test } from 'vitest';
import { compare } from '../../src/trace/compare.ts';
import { describeDifference } from '../../src/trace/difference.ts';
import { type Context, type Difference, type Outcome, parseStep } from '../../src/trace/index.ts';
import { VFIO } from '../../src/uapi/vfio.ts';

const device = { kind: 'device', device: '0000:00:03.0' } as const;

/** The difference between two answers to a step that was about `context`. */
function differenceOf(
  line: string,
  context: Context,
  expected: Outcome,
  actual: Outcome,
  config?: Uint8Array,
): Difference {
  const { fields } = compare(expected, actual, []);
  return describeDifference(parseStep(line, 1), context, { expected, actual }, fields, { masks: [], config });
}

describe('of two answers', () => {
  test('the errno, the signal and the events of poll are told by name', () => {
    const failing = differenceOf('close x', {}, { ret: 0 }, { ret: -1, errno: 'EBADF' });
    expect(failing.fields).toEqual([
      { name: 'ret', expected: 0, actual: -1 },
      { name: 'errno', expected: undefined, actual: 'EBADF' },
    ]);
    expect(differenceOf('poll x 0', {}, { ret: 1, revents: 5 }, { ret: 1, revents: 0x18 })).toMatchObject({
      fields: [{ name: 'revents', expected: '0x5 POLLIN|POLLOUT', actual: '0x18 POLLERR|POLLHUP' }],
      agreed: [{ name: 'ret', value: 1 }],
    });
  });

  test('a struct is told field by field, capabilities included', () => {
    const info = (index: string, capability: string): string =>
      `28000000${'0f000000'}${index}20000000${'0010000000000000'}${'0000000000000000'}${capability}`;
    const { fields, agreed } = differenceOf(
      'ioctl x VFIO_DEVICE_GET_REGION_INFO',
      { handle: device, request: VFIO.DEVICE_GET_REGION_INFO, input: new Uint8Array(40) },
      { ret: 0, out: info('00000000', '0300010000000000') },
      { ret: 0, out: info('07000000', '0200010000000000') },
    );
    expect(fields).toEqual([
      { name: 'out.index', expected: '0 VFIO_PCI_BAR0_REGION_INDEX', actual: '7 VFIO_PCI_CONFIG_REGION_INDEX' },
      {
        name: 'out.cap[0].id',
        expected: '3 VFIO_REGION_INFO_CAP_MSIX_MAPPABLE',
        actual: '2 VFIO_REGION_INFO_CAP_TYPE',
      },
    ]);
    expect(agreed.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ret', 'out.argsz', 'out.flags', 'out.cap[0].version']),
    );
  });

  test('configuration space is told by register, as far as it was read', () => {
    const config = new Uint8Array(256);
    const context = { handle: device, offset: 7 * 2 ** 40 + 5 };
    const { fields, call } = differenceOf(
      'pread x r7+5 3',
      context,
      { ret: 3, data: '041000' },
      { ret: 3, data: '001020' },
      config,
    );
    expect(fields).toEqual([
      { name: 'data.PCI_COMMAND', expected: '0x04', actual: '0x00' },
      { name: 'data.PCI_STATUS', expected: '0x0010', actual: '0x2010' },
    ]);
    expect(call).toBe('pread on device 0000:00:03.0 at config + 0x5 PCI_COMMAND');
  });

  test('a probe is told by location, and ruled by the first that differs', () => {
    const row = (at: number, last: string): (string | number)[] => [at, '0200', 2, 'ffff', 2, '0000', 2, last];
    const { fields, ruledBy } = differenceOf(
      'probe x r7 0 64 2',
      { handle: device, offset: 7 * 2 ** 40 },
      { probe: [row(4, '0200'), row(0xf0, '0200'), row(0xf2, '0200')] },
      { probe: [row(4, '0200'), row(0xf0, '0000')] },
      new Uint8Array(256),
    );
    const told = 'original 0200 ones 2 -> ffff zeros 2 -> 0000 restored 2 ->';
    expect(fields).toEqual([
      { name: 'probe[0xf0]', expected: `${told} 0200`, actual: `${told} 0000` },
      { name: 'probe[0xf2]', expected: `${told} 0200`, actual: undefined },
    ]);
    expect(ruledBy!.section).toBe('core-pci 8.2 access engine');
  });

  test('other data is told in the lines that differ', () => {
    const zeros = '00'.repeat(48);
    const { fields } = differenceOf(
      'dump b 0 48',
      {},
      { data: zeros },
      { data: `${'00'.repeat(20)}ff${'00'.repeat(27)}` },
    );
    expect(fields).toEqual([
      {
        name: 'data[0x010]',
        expected: '00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
        actual: '00 00 00 00 ff 00 00 00 00 00 00 00 00 00 00 00',
      },
    ]);
  });
});

describe('the call is told in words', () => {
  const callOf = (line: string, context: Context): string => differenceOf(line, context, { ret: 0 }, { ret: 1 }).call;

  test('with the name of a request that was given by number, and of a plain argument', () => {
    const context = { handle: { kind: 'container' }, request: VFIO.SET_IOMMU, argument: 3 } as const;
    expect(callOf('ioctlv c 0x3b66 3', context)).toBe('ioctlv VFIO_SET_IOMMU on container with 3 VFIO_TYPE1v2_IOMMU');
  });

  test('by the file it went to: the same number is another request there', () => {
    const on = (kind: 'device' | 'container'): string =>
      callOf('ioctl x 0x3b71 u32:8 u32:0', { handle: { kind }, request: 0x3b71, input: new Uint8Array(8) });
    expect(on('device')).toMatch(/^ioctl VFIO_DEVICE_PCI_HOT_RESET on device/);
    expect(on('container')).toMatch(/^ioctl VFIO_IOMMU_MAP_DMA on container/);
  });

  test('a look into a buffer with the request that filled it', () => {
    const through = { handle: { kind: 'iommufd' }, request: 0x3b84 } as const;
    expect(callOf('dump r 0 16', { through })).toBe('dump of $r, filled by IOMMU_IOAS_IOVA_RANGES');
  });
});
