/** The table of a function's messages, which its user may look at through a mapping and never write through the region. */
import { CAP, MSIX, MSIX_ENTRY } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const write: Operation = {
  name: 'table_write',
  needs: 'pci',
  args: ['offset', 'width', 'value'],
  weights: whileOpen(2),
  generate(random, { fn }) {
    if (fn!.msix === undefined) return undefined;
    const size = fn!.msix.size * MSIX_ENTRY.SIZE;
    const offset = random.chance(50) ? 4 * random.below(size / 4) : size + 4 * random.below(16);
    return { offset, width: random.pick([1, 4, 4, 8]), value: random.bits() };
  },
  run(tenant, { offset, width: wanted, value }, world) {
    const width = atMost(8, wanted);
    const { fn, device } = tenant;
    if (fn!.msix === undefined || width === 0) return -ERRNO.EINVAL;
    const table = fn!.config.read(fn!.capability(CAP.MSIX) + MSIX.TABLE, 4);
    const before = fn!.msix.bytes.slice();
    const calm = tenant.pending === 0 && !tenant.pci.lowPower;
    const bytes = new Uint8Array(width);
    new DataView(bytes.buffer).setUint8(0, value! & 0xff);
    if (width >= 4) new DataView(bytes.buffer).setUint32(0, value!, true);
    const result = device!.writeRegion(table & 7, (table & ~7) + offset!, bytes);
    // A reset that runs beside it empties the table; a function that is woken for the call gets it back.
    if (calm) world.checks.interrupts.tableWritten(before, fn!.msix.bytes);
    return result;
  },
};

export const MESSAGE_TABLE: readonly Operation[] = [write];
