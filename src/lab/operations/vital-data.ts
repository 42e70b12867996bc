/** Vital product data, as a guest reads and writes it: an address, a flag that turns over, and four bytes. */
import { CAP, VPD, VPD_ADDR_F } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import { writeRegister } from '../pci/config-write.ts';
import { vitalBytes } from '../reference/vital-data.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';

/** Both sides of where the data of a function with little of it ends, places that are not aligned, the last there is. */
const PLACES = [0, 1, 2, 3, 4, 5, 6, 8, 12, 0x7ffc, 0x7fff];

const vital: Operation = {
  name: 'vital_data',
  needs: 'pci',
  args: ['address', 'value', 'write'],
  weights: whileOpen(2),
  generate: (random, { fn, pending }) =>
    fn!.vitalData === undefined || pending > 0
      ? undefined
      : { address: random.pick(PLACES), value: random.bits(), write: random.below(2) },
  run(tenant, { address: place, value, write }, world) {
    const { fn, device } = tenant;
    const at = fn!.capability(CAP.VPD);
    if (fn!.vitalData === undefined || at === 0 || tenant.pending > 0) return -ERRNO.ENODEV;
    const address = place! & ~VPD_ADDR_F;
    const before = fn!.vitalData.slice();
    const set = (offset: number, width: number, word: number): number =>
      world.finish(tenant, writeRegister(tenant, world, at + offset, width, word));
    if (write !== 0) set(VPD.DATA, 4, value! >>> 0);
    if (set(VPD.ADDR, 2, write !== 0 ? address | VPD_ADDR_F : address) < 0) return -ERRNO.EIO;
    const told = device!.read(PCI_REGION.CONFIG, at + VPD.ADDR, 2);
    const data = device!.read(PCI_REGION.CONFIG, at + VPD.DATA, 4);
    if (told < 0) return told;
    world.observe(tenant, told);
    judge(tenant, world, { before, address, told, data, value: value! >>> 0, write: write !== 0 });
    return 0;
  },
};

interface Transfer {
  readonly before: Uint8Array;
  readonly address: number;
  readonly told: number;
  readonly data: number;
  readonly value: number;
  readonly write: boolean;
}

function judge({ fn }: Tenant, { checks: { config } }: World, transfer: Transfer): void {
  const { before, address, told, data, value, write } = transfer;
  const size = vitalBytes(fn!.template);
  const now = fn!.vitalData!;
  const done = !write || (address % 4 === 0 && address + 4 <= size);
  if ((told & ~VPD_ADDR_F) !== address || ((told & VPD_ADDR_F) !== 0) === (write === done))
    return config.vitalData(`a transfer at ${address} is told with ${told.toString(16)}`);
  const byte = (i: number): number => (address + i < size ? before[address + i]! : 0);
  if (!write && data !== [0, 1, 2, 3].reduce((sum, i) => sum + byte(i) * 2 ** (8 * i), 0))
    return config.vitalData(`a read at ${address} gives ${data.toString(16)}`);
  for (const [i, old] of before.entries()) {
    const written = write && done && i >= address && i < address + 4;
    if (now[i] !== (written ? (value >>> (8 * (i - address))) & 0xff : old))
      return config.vitalData(`byte ${i} is another after a transfer at ${address}`);
  }
}

export const VITAL_DATA: readonly Operation[] = [vital];
