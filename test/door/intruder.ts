/** A process that calls without sense: any ioctl on any file, with any bytes, lengths, pointers and descriptors. */

import type { Process } from '../../src/kernel/process.ts';
import { Random } from '../../src/lab/random.ts';
import * as iommufd from '../../src/uapi/iommufd.ts';
import type { Layout } from '../../src/uapi/layout.ts';
import * as vfio from '../../src/uapi/vfio.ts';
import { type FileKind, isAllowed, isAllowedMapping } from './allowed.ts';
import { fieldValue, lengthValue, offsetValue, type Surroundings } from './values.ts';

/** Structs by the number of a request; numbers that containers and devices share have several. */
const REQUESTS: readonly { readonly number: number; readonly struct: Layout }[] = [
  ...Object.entries(iommufd.IOMMU).map(([name, number]) => ({
    number,
    struct: iommufd.IOMMUFD_STRUCTS[name as keyof typeof iommufd.IOMMU],
  })),
  ...(
    [
      ['GROUP_GET_STATUS', vfio.group_status],
      ['DEVICE_GET_INFO', vfio.device_info],
      ['DEVICE_GET_REGION_INFO', vfio.region_info],
      ['DEVICE_GET_IRQ_INFO', vfio.irq_info],
      ['DEVICE_SET_IRQS', vfio.irq_set],
      ['DEVICE_GET_PCI_HOT_RESET_INFO', vfio.pci_hot_reset_info],
      ['DEVICE_PCI_HOT_RESET', vfio.pci_hot_reset],
      ['DEVICE_IOEVENTFD', vfio.device_ioeventfd],
      ['DEVICE_FEATURE', vfio.device_feature],
      ['DEVICE_BIND_IOMMUFD', vfio.device_bind_iommufd],
      ['DEVICE_ATTACH_IOMMUFD_PT', vfio.device_attach_iommufd_pt],
      ['DEVICE_DETACH_IOMMUFD_PT', vfio.device_detach_iommufd_pt],
      ['MIG_GET_PRECOPY_INFO', vfio.precopy_info],
      ['IOMMU_GET_INFO', vfio.iommu_type1_info],
      ['IOMMU_MAP_DMA', vfio.iommu_type1_dma_map],
      ['IOMMU_UNMAP_DMA', vfio.iommu_type1_dma_unmap],
      ['IOMMU_DIRTY_PAGES', vfio.iommu_type1_dirty_bitmap],
    ] as const
  ).map(([name, struct]) => ({ number: vfio.VFIO[name], struct })),
];
const PLAIN = [vfio.VFIO.GET_API_VERSION, vfio.VFIO.CHECK_EXTENSION, vfio.VFIO.SET_IOMMU, vfio.VFIO.DEVICE_RESET];

/** How many fields in a hundred are nonsense: in some calls none, so that they get beyond their checks. */
const WILDNESS = [0, 0, 10, 30, 70];

const NAMED = new Map(REQUESTS.map((request) => [request.struct.name, request]));
const requests = (...structs: readonly Layout[]) => structs.map((struct) => NAMED.get(struct.name)!);

/** Requests that a file knows: the others only show that it does not. */
const BY_KIND: Readonly<Partial<Record<FileKind, typeof REQUESTS>>> = {
  container: requests(
    vfio.iommu_type1_info,
    vfio.iommu_type1_dma_map,
    vfio.iommu_type1_dma_map,
    vfio.iommu_type1_dma_unmap,
    vfio.iommu_type1_dirty_bitmap,
  ),
  iommufd: [
    ...REQUESTS.slice(0, Object.keys(iommufd.IOMMU).length),
    ...requests(vfio.iommu_type1_info, vfio.iommu_type1_dma_map, vfio.iommu_type1_dma_unmap),
  ],
  device: REQUESTS.filter(({ struct }) => /device|region_info|irq|hot_reset/.test(struct.name)),
  group: requests(vfio.group_status),
  stream: requests(vfio.precopy_info),
};

/** Structs whose tail must be zero (copy_struct_from_user). */
function isExtensible(struct: Layout): boolean {
  return struct.name.startsWith('iommu_') || struct === vfio.device_bind_iommufd;
}

/** One call as a person reads it. */
export interface Made {
  readonly call: string;
  readonly kind: FileKind;
  readonly result: number;
}

export class Intruder {
  private readonly process: Process;
  private readonly random: Random;
  private readonly kinds: Map<number, FileKind>;
  private readonly surroundings: Surroundings;
  private readonly page: number;
  private readonly mappings: number[] = [];

  /** `kinds` says what each open descriptor is. */
  constructor(process: Process, kinds: ReadonlyMap<number, FileKind>, seed: number) {
    this.process = process;
    this.random = new Random(seed);
    this.kinds = new Map(kinds);
    this.page = process.memory.allocate(0x4000);
    const readOnly = process.memory.allocate(0x1000, { read: true, write: false });
    const addresses = [this.page, this.page + 0x3ff8, readOnly, 0, 8, 0x7fff_ffff_f000, 2 ** 63, 2 ** 64 - 4096];
    this.surroundings = { descriptors: [...kinds.keys(), 60, 61, 1023], addresses };
  }

  /** Makes one call; what it was, if the answer is one that no kernel gives. */
  call(): Made | undefined {
    const { random } = this;
    const fd = random.pick(this.surroundings.descriptors);
    const kind = this.kinds.get(fd) ?? 'closed';
    const chosen = random.below(100);
    if (chosen < 74) return this.ioctl(fd, kind);
    if (chosen < 92) return this.transfer(fd, kind);
    if (chosen < 97) return this.map(fd, kind);
    const bits = this.process.poll(fd);
    return isAllowed(kind, bits) ? undefined : { call: `poll ${fd}`, kind, result: bits };
  }

  private ioctl(fd: number, kind: FileKind): Made | undefined {
    const { random, process } = this;
    let request: number;
    let argument: number;
    const how = random.below(100);
    if (how < 8) {
      request = random.chance(50) ? random.bits() : 0x3b00 + random.below(256);
      argument = random.pick(this.surroundings.addresses);
    } else if (kind === 'group' && how < 60) {
      request = random.pick([
        vfio.VFIO.GROUP_SET_CONTAINER,
        vfio.VFIO.GROUP_UNSET_CONTAINER,
        vfio.VFIO.GROUP_GET_DEVICE_FD,
      ]);
      argument = this.page;
      const name = random.pick(['0000:00:03.0', '0000:02:00.0', 'x', '']);
      const fd = Uint32Array.of(random.pick(this.surroundings.descriptors));
      const bytes = request === vfio.VFIO.GROUP_GET_DEVICE_FD ? Buffer.from(`${name}\0`) : new Uint8Array(fd.buffer);
      process.memory.write(this.page, bytes);
    } else if (how < 16) {
      request = random.pick(PLAIN);
      argument = Number(fieldValue(random, 'argument', 4, this.surroundings, 50));
    } else {
      const { number, struct } = random.pick((random.chance(85) && BY_KIND[kind]) || REQUESTS);
      request = number;
      argument = random.chance(92) ? this.place(struct) : random.pick(this.surroundings.addresses);
    }
    const result = process.ioctl(fd, request, argument);
    return this.judge(`ioctl ${fd} 0x${request.toString(16)} 0x${argument.toString(16)}`, kind, result);
  }

  /** Writes a struct with a value in each field, and some bytes behind it; its address. */
  private place(struct: Layout): number {
    const { random } = this;
    const bytes = new Uint8Array(struct.size + 64);
    const wild = random.pick(WILDNESS);
    const view = new DataView(bytes.buffer);
    for (const { name, offset, size } of struct.fields) {
      const value = fieldValue(random, name, size, this.surroundings, wild);
      if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
      else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
      else if (size === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
    }
    // The first field is the size in most: right more often than not.
    if (!random.chance(wild)) view.setUint32(0, struct.size + (random.chance(50) ? random.below(64) : 0), true);
    if (struct === vfio.device_feature && !random.chance(wild))
      view.setUint32(4, (1 + random.below(7)) * 0x1_0000 + random.below(16), true);
    if (!isExtensible(struct) || random.chance(wild))
      for (let at = struct.size; at < bytes.length && random.chance(70); at += 4)
        view.setUint32(at, random.below(8), true);
    this.process.memory.write(this.page, bytes);
    return this.page;
  }

  private transfer(fd: number, kind: FileKind): Made | undefined {
    const { random, process } = this;
    const [address, length, offset] = [
      random.chance(75) ? this.page : random.pick(this.surroundings.addresses),
      lengthValue(random),
      offsetValue(random),
    ];
    const how = random.pick(['read', 'write', 'pread', 'pwrite'] as const);
    const plain = how === 'read' || how === 'write';
    const result = plain ? process[how](fd, address, length) : process[how](fd, address, length, offset);
    if (result > length) return { call: `${how} ${fd} ${length}`, kind, result };
    return this.judge(`${how} ${fd} 0x${address.toString(16)} ${length} at ${offset}`, kind, result);
  }

  private map(fd: number, kind: FileKind): Made | undefined {
    const { random, process } = this;
    const [offset, length] = [offsetValue(random), lengthValue(random)];
    const shared = random.chance(80);
    const result = process.mmap(fd, offset - (offset % 4096), length, { read: true, write: random.chance(80), shared });
    if (result > 0) {
      process.memory.read(result + random.below(4096), 4);
      this.mappings.push(result);
    }
    if (this.mappings.length > 8) process.munmap(this.mappings.shift()!);
    return isAllowedMapping(kind, result) ? undefined : { call: `mmap ${fd} at ${offset}, ${length}`, kind, result };
  }

  private judge(call: string, kind: FileKind, result: number): Made | undefined {
    if (result >= 0) this.adopt();
    return isAllowed(kind, result) ? undefined : { call, kind, result };
  }

  /** Descriptors that calls made: kept for a while, then closed, so that the table never fills. */
  private adopt(): void {
    for (const fd of this.process.files.open)
      if (!this.kinds.has(fd)) {
        const name = this.process.file(fd)!.file.name;
        if (this.process.files.open.length > 40) this.process.close(fd);
        else this.kinds.set(fd, kindOf(name));
      }
  }
}

/** What a new descriptor is, by the name that /proc shows. */
function kindOf(name: string): FileKind {
  if (name.includes('vfio-device')) return 'device';
  if (name.includes('iommufd-')) return 'queue';
  if (name.includes('mig')) return 'stream';
  return name.includes('dmabuf') ? 'buffer' : 'stream';
}
