/** Requests of devices, of odd lengths and over borders: every byte must arrive where it belongs, and nowhere else. */
import type { PhysicalMemory } from '../../../sim/memory.ts';
import { zeroedBytes } from '../../kernel/bytes.ts';
import type { Bench } from '../bench/bench.ts';
import type { BenchDevice } from '../bench/device.ts';
import { type Reached, reach } from '../bench/reach.ts';
import type { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { anyPage, u64 } from './bench-values.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const READ = 0;
const WRITE = 1;
const COPY = 2;
const LENGTHS = [1, 3, 4, 16, 64, 100, 255, 4095, 4096, 4097, 5000, 8192, 9001, 12289] as const;
/** Of one request. */
const MOST_BYTES = 0x1_0000;

const dma: Operation = {
  name: 'bench_dma',
  needs: 'bench',
  args: ['device', 'kind', 'source', 'sourceOffset', 'target', 'targetOffset', 'length', 'salt'],
  weights: whileOpen(16),
  generate(random, tenant, world) {
    const { devices } = tenant.bench!;
    const [source, target] = [somewhere(random, tenant, world), somewhere(random, tenant, world)];
    return {
      device: random.below(devices.length),
      kind: random.pick([READ, WRITE, WRITE, COPY, COPY]),
      source,
      sourceOffset: offset(random),
      target,
      targetOffset: offset(random),
      length: random.pick(LENGTHS),
      salt: random.below(256),
    };
  },
  run(tenant, args, world) {
    const bench = tenant.bench!;
    const device = bench.devices[args['device']! % bench.devices.length]!;
    // What a first stage of the user's makes of an address is the user's own affair.
    const shown = bench.iommufd?.reference.shown(device.name);
    if (device.fd === undefined || (shown?.parent !== undefined && shown.stage === undefined)) return -9;
    const length = atMost(MOST_BYTES, args['length']);
    if (length === 0) return 0;
    const bytes = zeroedBytes(length);
    if (args['kind'] === WRITE) {
      const salt = world.content(tenant, args['salt']!);
      for (let i = 0; i < length; i++) bytes[i] = salt + i * 7 + (i >>> 8);
    } else {
      const ok = readChecked(world, bench, device, byteAt(args['source']!, args['sourceOffset']!), bytes);
      world.observe(tenant, ok ? bytes : -14);
      if (!ok) return -14;
    }
    if (args['kind'] === READ) return length;
    return writeChecked(world, bench, device, byteAt(args['target']!, args['targetOffset']!), bytes) ? length : -14;
  },
};

/** Requests take numbers, in which an offset is exact only below. */
const byteAt = (page: number, at: number): bigint => u64(page, page < 2 ** 40 ? at : 0);

/** Pages that are mapped, mostly towards the end of a mapping: requests go over it. */
function somewhere(random: Random, { bench }: Tenant, world: World): number {
  const starts = bench!.type1 !== undefined ? type1Pages(random, bench!) : bench!.iommufd!.anyMappedPage(random);
  return starts === undefined || random.chance(8) ? anyPage(random, world) : starts;
}

function type1Pages(random: Random, { type1 }: Bench): number | undefined {
  const { entries } = type1!.reference;
  if (entries.length === 0) return undefined;
  const { start, size } = random.pick(entries);
  return Number(start / 4096n) + random.below(Math.min(Number(size / 4096n), 64));
}

const offset = (random: Random): number => (random.chance(40) ? 0 : random.pick([1, 8, 63, 2048, 4032, 4092, 4095]));

/** One request in the pieces it must fall into; it ends at the first byte that may not be reached. */
function pieces(bench: Bench, device: BenchDevice, iova: bigint, length: number, write: boolean): Piece[] {
  const list: Piece[] = [];
  for (let done = 0; done < length; ) {
    const found = reach(bench, device, iova + BigInt(done));
    if (found === undefined || !(write ? found.write : found.read)) break;
    const count = Math.min(found.room, length - done);
    list.push({ ...found, at: done, count });
    done += count;
  }
  return list;
}

interface Piece extends Reached {
  readonly at: number;
  readonly count: number;
}

const reached = (list: readonly Piece[]): number => list.reduce((sum, { count }) => sum + count, 0);

function readChecked(world: World, bench: Bench, device: BenchDevice, iova: bigint, into: Uint8Array): boolean {
  const list = pieces(bench, device, iova, into.length, false);
  const whole = reached(list) === into.length;
  const ok = device.read(Number(iova), into);
  if (!world.watched) return ok;
  if (ok !== whole) world.checks.dma.reached(device.name, iova, ok);
  const { memory } = world.machine.hardware;
  for (const { physical, at, count, mmio } of ok ? list : [])
    if (!mmio && !same(memory, physical, into.subarray(at, at + count))) {
      world.checks.dma.misplaced(device.name, iova + BigInt(at), false);
      break;
    }
  return ok;
}

/** Bytes before and behind what is written, which must stay. */
const AROUND = 16;

function writeChecked(world: World, bench: Bench, device: BenchDevice, iova: bigint, bytes: Uint8Array): boolean {
  const list = pieces(bench, device, iova, bytes.length, true);
  const whole = reached(list) === bytes.length;
  const { memory } = world.machine.hardware;
  const around = world.watched ? list.filter(({ mmio }) => !mmio).map((piece) => edges(memory, piece)) : [];
  bench.iommufd?.reference.wrote(device.name, iova, reached(list));
  const ok = device.write(Number(iova), bytes);
  if (!world.watched) return ok;
  if (ok !== whole) world.checks.dma.reached(device.name, iova, ok);
  // Two pieces may be the same page: then only the last that was written can be told.
  const pages = new Set(list.map(({ physical }) => physical - (physical % 4096)));
  if (pages.size < list.length) return ok;
  for (const { physical, at, count, mmio } of list)
    if (!mmio && !same(memory, physical, bytes.subarray(at, at + count))) {
      world.checks.dma.misplaced(device.name, iova + BigInt(at), true);
      return ok;
    }
  for (const { place, was } of around)
    if (!list.some(({ physical, count }) => place < physical + count && place + was.length > physical))
      if (!same(memory, place, was)) world.checks.dma.misplaced(device.name, iova, true);
  return ok;
}

/** What is before and behind a piece in its page. */
function edges(
  memory: PhysicalMemory,
  { physical, count }: Piece,
): { readonly place: number; readonly was: Uint8Array } {
  const page = physical - (physical % 4096);
  const before = Math.min(AROUND, physical - page);
  const behind = Math.min(AROUND, page + 4096 - (physical + count));
  const place = behind > 0 ? physical + count : physical - before;
  const was = zeroedBytes(behind > 0 ? behind : before);
  memory.read(place, was);
  return { place, was };
}

function same(memory: PhysicalMemory, physical: number, bytes: Uint8Array): boolean {
  const found = zeroedBytes(bytes.length);
  return memory.read(physical, found) && Buffer.compare(found, bytes) === 0;
}

/** Two of the pages that were written hold the same: they are one, mapped twice, and only the last write can be told. */
function repeats(held: Uint8Array, iova: bigint): boolean {
  const first = Number(iova % 4096n);
  const end = first + held.length;
  for (let a = 0; a < end; a += 4096)
    for (let b = a + 4096; b < end; b += 4096) {
      const from = a === 0 ? first : 0;
      const to = Math.min(4096, end - b);
      const part = (page: number): Uint8Array => held.subarray(page + from - first, page + to - first);
      if (to > from && Buffer.compare(part(a), part(b)) === 0) return true;
    }
  return false;
}

/** An emulated device copies, by software. */
const copy: Operation = {
  name: 'bench_copy',
  needs: 'bench',
  args: ['page', 'offset', 'length', 'write', 'kernel', 'salt'],
  weights: whileOpen(6),
  generate(random, tenant, world) {
    const bench = tenant.bench!;
    if (bench.pinner === undefined || bench.pinner.vdev.openCount === 0) return undefined;
    return {
      page: somewhere(random, tenant, world),
      offset: offset(random),
      length: random.pick(LENGTHS),
      write: random.below(2),
      kernel: random.below(2),
      salt: random.below(256),
    };
  },
  run(tenant, args, world) {
    const bench = tenant.bench!;
    const { pinner } = bench;
    if (pinner === undefined || pinner.vdev.openCount === 0) return -19;
    // Drivers give type1 numbers, which are exact only below.
    if (bench.type1 !== undefined && args['page']! >= 2 ** 40) return -22;
    const iova = u64(args['page']!, args['offset']!);
    const write = args['write'] !== 0;
    const bytes = zeroedBytes(atMost(MOST_BYTES, args['length']));
    const salt = world.content(tenant, args['salt']!);
    if (write) for (let i = 0; i < bytes.length; i++) bytes[i] = salt + i * 5 + (i >>> 8);
    const caller = args['kernel'] ? undefined : bench.process;
    const { reference } = (bench.type1 ?? bench.iommufd)!;
    const expected = reference.copy(caller, iova, bytes.length, write);
    const result = pinner.copy(caller, iova, bytes, write);
    world.checks.dma.copied(result, expected);
    if (result === 0 && expected === 0) {
      const held = zeroedBytes(bytes.length);
      if (reference.contents(iova, held) && Buffer.compare(held, bytes) !== 0 && !(write && repeats(held, iova)))
        world.checks.dma.misplaced(pinner.vdev.name, iova, write);
    }
    world.observe(tenant, write || result < 0 ? result : bytes);
    return result;
  },
};

export const BENCH_DMA: readonly Operation[] = [dma, copy];
