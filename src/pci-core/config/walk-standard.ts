/** The walk over the standard capability list at open (vfio_pci_config.c: vfio_cap_init). */
import { CAP, CAP_LIST, PCI, PM, STATUS } from '../../../sim/pci/registers.ts';
import { CAPABILITIES } from './cap-table.ts';
import type { ConfigLayout } from './layout.ts';

/** Capabilities are dword aligned: more hops than this is a loop. */
const MAX_HOPS = (PCI.CFG_SPACE_SIZE - PCI.STD_HEADER_SIZEOF) / 4;

export function walkStandard(layout: ConfigLayout): void {
  if ((layout.read(PCI.STATUS, 2) & STATUS.CAP_LIST) === 0) return;
  let previous: number = PCI.CAPABILITY_LIST;
  let position = layout.read(PCI.CAPABILITY_LIST, 1);
  let kept = 0;
  for (let hops = MAX_HOPS; position !== 0 && hops > 0; hops--) {
    const id = layout.read(position, 1);
    const next = layout.read(position + CAP_LIST.NEXT, 1);
    const row = CAPABILITIES[id];
    const measure = layout.measure(position);
    const length = typeof row?.length === 'function' ? row.length(measure) : (row?.length ?? 0);
    if (row === undefined || length === 0) {
      layout.patch(previous, next);
    } else {
      layout.cover(position, length, id);
      const rows = typeof row.registers === 'function' ? row.registers(measure) : (row.registers ?? []);
      layout.permit(
        position,
        rows.filter((register) => register.at < length),
      );
      if (id === CAP.PM) hidePme(layout, position);
      if (startsExtended(layout, id, position)) layout.extended = true;
      previous = position + CAP_LIST.NEXT;
      kept++;
    }
    position = next;
  }
  if (kept === 0) layout.patch(PCI.STATUS, 0, ~STATUS.CAP_LIST & 0xff);
}

/** vfio_update_pm_vconfig_bytes: a user's function never raises PME#. */
function hidePme(layout: ConfigLayout, at: number): void {
  layout.patch(at + PM.PMC + 1, 0, 0x07);
  layout.patch(at + PM.CTRL + 1, 0, 0x7e);
}

/** Only PCI Express and PCI-X 2.0 functions have extended space (vfio_cap_len). */
function startsExtended(layout: ConfigLayout, id: number, position: number): boolean {
  const modern = id === CAP.EXP || (id === CAP.PCIX && (layout.read(position + 2, 2) & 0x3000) !== 0);
  return modern && layout.size > PCI.CFG_SPACE_SIZE && layout.read(PCI.CFG_SPACE_SIZE, 4) !== 0;
}
