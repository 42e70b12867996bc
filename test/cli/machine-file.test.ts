import { expect, test } from 'vitest';
import { cli, folderWith } from './cli.ts';

/** An accelerator behind an IOMMU with every switch on. */
const machine = {
  name: 'mine',
  iommu: {
    aperture: [0, 281474976710655],
    pageSizes: [4096, 2097152],
    interruptRemapping: true,
    dirtyTracking: true,
    nesting: true,
    pasid: true,
    pageRequests: true,
    virtual: 'arm-smmuv3',
  },
  root: [
    {
      kind: 'root-port',
      devfn: '04.0',
      acs: 29,
      below: [
        {
          devfn: '00.0',
          function: {
            name: 'accelerator',
            vendor: 0x1234,
            device: 1,
            class: 0x120000,
            bars: [{ index: 0, kind: 'mem32', size: 4096 }],
            capabilities: [
              { kind: 'exp', at: 0x40, body: '02000080001000000000' },
              { kind: 'ats', at: 0x100 },
              { kind: 'pri', at: 0x120, body: '000000014000000000000000' },
              { kind: 'pasid', at: 0x140, body: '06080000' },
            ],
          },
        },
      ],
    },
  ],
};

/** Binds the device, makes page tables, a vIOMMU and a fault queue, and attaches a PASID. */
const script = `bind d 0000:01:00.0
open i /dev/iommu
open dev /dev/vfio/devices/$d.cdev
ioctl dev VFIO_DEVICE_BIND_IOMMUFD u32:16 u32:0 fd:$i u32:0 >devid:u32@12
ioctl i IOMMU_IOAS_ALLOC u32:12 u32:0 u32:0 >io:u32@8
ioctl i IOMMU_FAULT_QUEUE_ALLOC u32:16 u32:0 u32:0 u32:0 >fq:u32@8 >fqfd:fd@12
ioctl i IOMMU_HWPT_ALLOC u32:48 u32:3 u32:$devid u32:$io u32:0 u32:0 u32:0 u32:0 u64:0 u32:0 u32:0 >parent:u32@16
ioctl i IOMMU_HWPT_ALLOC u32:48 u32:12 u32:$devid u32:$io u32:0 u32:0 u32:0 u32:0 u64:0 u32:$fq u32:0 >table:u32@16
ioctl i IOMMU_VIOMMU_ALLOC u32:40 u32:0 u32:1 u32:$devid u32:$parent u32:0 u32:0 u32:0 u64:0
ioctl i IOMMU_HWPT_SET_DIRTY_TRACKING u32:16 u32:1 u32:$parent u32:0
ioctl dev VFIO_DEVICE_ATTACH_IOMMUFD_PT u32:16 u32:1 u32:$table u32:5
`;

// covers: IF14 IF18 IF20 IF23
test('a machine file switches on what its IOMMU can do, and what it does not name stays off', async () => {
  const off = { ...machine, iommu: { aperture: machine.iommu.aperture, pageSizes: machine.iommu.pageSizes } };
  const file = folderWith({ 's.vs': script, 'on.json': JSON.stringify(machine), 'off.json': JSON.stringify(off) });
  const answers = async (name: string): Promise<(string | number)[]> => {
    const { code, out, err } = await cli(['record', file('s.vs'), '--machine', file(name), '--out', '-']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { s: string; ret: number; errno?: string })
      .flatMap(({ s, ret, errno }) => (s.startsWith('ioctl') ? [errno ?? ret] : []));
  };
  expect(await answers('on.json')).toEqual(new Array(8).fill(0));
  const no = 'EOPNOTSUPP';
  // Without a parent there is nothing to track; the PASID of a device that has none is only recorded.
  expect(await answers('off.json')).toEqual([0, 0, 0, no, 0, no, 'ENOENT', 0]);
}, 60_000);
