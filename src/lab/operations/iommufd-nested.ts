/** What a guest makes of its virtual IOMMU: first stages that pass everything on or nothing, and its commands. */
import { IOMMU, iommu_hwpt_invalidate } from '../../uapi/iommufd.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { hold, holdObject } from '../bench/verdict.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import type { IommufdReference } from '../reference/iommufd.ts';
import { newHwpt } from '../reference/iommufd-objects.ts';
import * as U from '../reference/u64.ts';
import { sideOf } from './iommufd-arguments.ts';
import { type Operation, whileOpen } from './operation.ts';

const DATA_AT = 0x8000;
/** Bytes of an entry of the stream table that a guest gives, and its type. */
const ENTRY = 16;
const ARM_SMMUV3 = 2;
/** STE.Config (SMMUv3 architecture, 5.2). */
const CONFIG = { ABORT: 0, BYPASS: 4, TRANSLATE: 5 } as const;

const nest: Operation = {
  name: 'viommu_nest',
  needs: 'ioas',
  args: ['device', 'viommu', 'valid', 'config', 'length', 'bad'],
  weights: whileOpen(3),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const viommu = side.anyId(random, 'viommu');
    if (side.reference.objects.get(viommu)?.kind !== 'viommu' && random.chance(90)) return undefined;
    return {
      device: side.anyId(random, 'device'),
      viommu,
      valid: random.chance(85) ? 1 : 0,
      config: random.chance(85) ? random.pick([CONFIG.ABORT, CONFIG.BYPASS]) : random.below(8),
      length: random.chance(90) ? ENTRY : random.pick([0, 8, 24]),
      bad: random.chance(8) ? 1 : 0,
    };
  },
  run(tenant, { device, viommu, valid, config, length, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const entry = BigInt((valid! & 1) | ((config! & 7) << 1));
    const data = new Uint8Array(new BigUint64Array([entry, 0n]).buffer);
    bench.process.memory.write(bench.scratch.address + DATA_AT, data);
    const expected = expectNested(side, device!, viommu!, valid !== 0, config! & 7, length!, bad !== 0);
    const result =
      side.client.call('HWPT_ALLOC', {
        dev_id: device!,
        pt_id: viommu!,
        data_type: length === 0 ? 0 : ARM_SMMUV3,
        data_len: length!,
        data_uptr: bad ? 0x1000 : bench.scratch.address + DATA_AT,
      }) || side.client.field('HWPT_ALLOC', 'out_hwpt_id');
    holdObject(world, 'HWPT_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectNested(
  { reference }: IommufdBench,
  device: number,
  id: number,
  valid: boolean,
  config: number,
  length: number,
  bad: boolean,
): number {
  if (reference.objects.get(device)?.kind !== 'device') return -U.ENOENT;
  const base = reference.objects.get(id);
  // On anything else the data is of another kind, or there must be none.
  if (base?.kind !== 'viommu') return expectOther(reference, id, device, length);
  if (length === 0) return -U.EOPNOTSUPP;
  if (length !== ENTRY) return -U.EINVAL;
  if (bad) return -U.EFAULT;
  if (!valid) return allocGuest(reference, id, 'abort');
  if (config === CONFIG.TRANSLATE) return -U.EOPNOTSUPP;
  if (config !== CONFIG.ABORT && config !== CONFIG.BYPASS) return -U.EIO;
  return allocGuest(reference, id, config === CONFIG.ABORT ? 'abort' : 'bypass');
}

function expectOther(reference: IommufdReference, id: number, device: number, length: number): number {
  const base = reference.objects.get(id);
  if (length === 0) return reference.allocHwpt(device, id, 0, 0);
  if (base?.kind === 'ioas') return -U.EOPNOTSUPP;
  if (base?.kind !== 'hwpt-paging') return -U.EINVAL;
  return base.hwpt!.automatic || !base.hwpt!.nestParent ? -U.EINVAL : -U.EOPNOTSUPP;
}

function allocGuest(reference: IommufdReference, viommu: number, stage: 'bypass' | 'abort'): number {
  const { objects, features } = reference;
  const parent = objects.get(objects.get(viommu)!.holds[0]!)!.hwpt!;
  const hwpt = { ...newHwpt(features, parent.ioas, false, 0, 0), parent, stage };
  return reference.add({ kind: 'hwpt-nested', holds: [viommu], held: false, hwpt });
}

/** Opcodes (SMMUv3 architecture 4.1.1) that need no device, that name one, and that are not a guest's to give. */
const FREE = [0x10, 0x11, 0x12, 0x13, 0x30] as const;
const OF_DEVICE = [0x05, 0x06, 0x40] as const;
const FORBIDDEN = [0x00, 0x01, 0x03, 0x04, 0x20, 0x41, 0x46] as const;
const OPCODES = [...FREE, ...OF_DEVICE, ...OF_DEVICE, ...FORBIDDEN] as const;

const invalidate: Operation = {
  name: 'viommu_invalidate',
  needs: 'ioas',
  args: ['viommu', 'first', 'second', 'stream', 'count'],
  weights: whileOpen(3),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const viommu = side.anyId(random, 'viommu', 2);
    if (side.reference.objects.get(viommu)?.kind !== 'viommu') return undefined;
    const opcode = (): number => random.pick(OPCODES);
    return { viommu, first: opcode(), second: opcode(), stream: random.below(3), count: 1 + random.below(2) };
  },
  run(tenant, { viommu, first, second, stream, count: wanted }, world) {
    const { bench, side } = sideOf(tenant);
    if (side.reference.objects.get(viommu!)?.kind !== 'viommu') return -U.ENOENT;
    const opcodes = [first! & 0xff, second! & 0xff].slice(0, wanted! % 3);
    const data = new Uint8Array(2 * ENTRY);
    for (const [index, opcode] of opcodes.entries()) {
      data[index * ENTRY] = opcode;
      data[index * ENTRY + 4] = stream! & 0xff;
    }
    bench.process.memory.write(bench.scratch.address + DATA_AT, data);
    const { at, size } = iommu_hwpt_invalidate;
    const view = bench.scratch.begin(size);
    view.setUint32(at.size, size, true);
    view.setUint32(at.hwpt_id, viommu!, true);
    view.setBigUint64(at.data_uptr, BigInt(bench.scratch.address + DATA_AT), true);
    view.setUint32(at.data_type, 1, true);
    view.setUint32(at.entry_len, ENTRY, true);
    view.setUint32(at.entry_num, opcodes.length, true);
    const wrong = opcodes.findIndex((opcode) => !mayGive(side, viommu!, opcode, stream! & 0xff));
    const result = bench.process.ioctl(side.client.fd, IOMMU.HWPT_INVALIDATE, bench.scratch.put(size));
    hold(world, 'INVALIDATE', result, wrong < 0 ? 0 : -U.EIO, STREAM_ROBUSTNESS.name);
    const handled = bench.scratch.take(size).getUint32(at.entry_num, true);
    hold(world, 'INVALIDATE, entries', handled, wrong < 0 ? opcodes.length : wrong, STREAM_ROBUSTNESS.name);
    return result;
  },
};

/** A guest may flush what is its own, and what caches of devices it was given. */
function mayGive({ reference }: IommufdBench, viommu: number, opcode: number, stream: number): boolean {
  if ((FREE as readonly number[]).includes(opcode)) return true;
  if (!(OF_DEVICE as readonly number[]).includes(opcode)) return false;
  return [...reference.objects.values()].some(
    ({ kind, holds, tag }) => kind === 'vdevice' && holds[0] === viommu && tag === BigInt(stream),
  );
}

export const IOMMUFD_NESTED: readonly Operation[] = [nest, invalidate];
