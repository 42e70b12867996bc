/** The walk over the extended capability list at open (vfio_pci_config.c: vfio_ecap_init). */
import { PCI } from '../../../sim/pci/registers.ts';
import { EXT_CAPABILITIES } from './ext-cap-table.ts';
import type { ConfigLayout } from './layout.ts';

/** Next pointer of an extended header: bits 31:20, the low two of them zero. */
const nextOf = (header: number): number => (header >>> 20) & 0xffc;

export function walkExtended(layout: ConfigLayout): void {
  let previous = 0;
  let position: number = PCI.CFG_SPACE_SIZE;
  let kept = 0;
  for (let hops = (layout.size - PCI.CFG_SPACE_SIZE) / 4; hops > 0 && position >= PCI.CFG_SPACE_SIZE; hops--) {
    const header = layout.read(position, 4);
    const id = header & 0xffff;
    const next = nextOf(header);
    const row = EXT_CAPABILITIES[id];
    const measure = layout.measure(position);
    const length = typeof row?.length === 'function' ? row.length(measure) : (row?.length ?? 0);
    if (length === 0 && previous !== 0) {
      relink(layout, previous, next);
    } else if (row === undefined || length === 0) {
      // The list starts at 0x100, so a hidden first one leaves a header without id or version behind.
      layout.cover(position, 4, id & 0xff);
      layout.patch(position, 0);
      layout.patch(position + 1, 0);
      layout.patch(position + 2, 0, 0xc0);
      previous = position;
    } else {
      layout.cover(position, length, id);
      const rows = typeof row.registers === 'function' ? row.registers(measure) : (row.registers ?? []);
      layout.permit(position, rows);
      previous = position;
      kept++;
    }
    position = next;
  }
  if (kept === 0) for (let i = 0; i < 4; i++) layout.patch(PCI.CFG_SPACE_SIZE + i, 0);
}

/** Points the previous header over a hidden capability. */
function relink(layout: ConfigLayout, previous: number, next: number): void {
  layout.patch(previous + 2, (next & 0xf) << 4, 0x0f);
  layout.patch(previous + 3, next >> 4);
}
