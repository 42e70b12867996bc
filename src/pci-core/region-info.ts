/** What GET_REGION_INFO says of each region (vfio_pci_core.c: vfio_pci_ioctl_get_region_info). */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import { ERRNO } from '../uapi/errno.ts';
import { INFO_CAP, info_cap_header, PCI_REGION, REGION_INFO_FLAG, region_info_cap_type } from '../uapi/vfio.ts';
import type { RegionInfo } from '../vfio/device.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { withMemoryDecode } from './memory-window.ts';
import { indexToOffset } from './region-offset.ts';
import { mapRom, roundupPowerOfTwo } from './rom.ts';

const { READ, WRITE, MMAP } = REGION_INFO_FLAG;

/** Fills `info` for region `index`; 0, or EINVAL for a region the device does not have. */
export function vfio_pci_ioctl_get_region_info(core: VfioPciCoreDevice, index: number, info: RegionInfo): number {
  if (index >= PCI_REGION.NUM) return fillDeviceRegion(core, index, info);
  if (index === PCI_REGION.VGA && !core.hasVga) return -ERRNO.EINVAL;
  info.offset = indexToOffset(index, core.offsetShift);
  info.flags = 0;
  info.size = 0n;
  if (index === PCI_REGION.CONFIG) {
    info.size = BigInt(core.pdev.cfgSize);
    info.flags = READ | WRITE;
  } else if (index === PCI_REGION.VGA) {
    info.size = 0xc0000n;
    info.flags = READ | WRITE;
  } else if (index === PCI_REGION.ROM) fillRom(core, info);
  else fillBar(core, index, info);
  return 0;
}

function fillBar(core: VfioPciCoreDevice, index: number, info: RegionInfo): void {
  const { length } = core.pdev.resources[index]!;
  if (length === 0) return;
  info.size = BigInt(length);
  info.flags = READ | WRITE;
  if (!core.bars.mmapSupported[index]) return;
  info.flags |= MMAP;
  // Since the table may be mapped with the rest of its BAR, nothing has to be left out.
  if (index === core.msixBar)
    info.caps.push({ id: INFO_CAP.REGION_MSIX_MAPPABLE, version: 1, payload: new Uint8Array(0) });
}

/** A ROM without valid content is no region; decode is turned on for as long as it takes to look. */
function fillRom(core: VfioPciCoreDevice, info: RegionInfo): void {
  const { start, length } = core.pdev.resources[PCI_REGION.ROM]!;
  if (start !== 0) {
    if (withMemoryDecode(core, () => mapRom(core)) === undefined) return;
    info.size = BigInt(length);
  } else if (core.platformRom !== undefined) info.size = BigInt(roundupPowerOfTwo(core.platformRom.length));
  else return;
  info.flags = READ;
}

function fillDeviceRegion(core: VfioPciCoreDevice, index: number, info: RegionInfo): number {
  const region = core.regions[index - PCI_REGION.NUM];
  if (region === undefined) return -ERRNO.EINVAL;
  info.offset = indexToOffset(index, core.offsetShift);
  info.size = BigInt(region.size);
  info.flags = region.flags;
  const { at, size } = region_info_cap_type;
  const payload = zeroedBytes(size - info_cap_header.size);
  const view = viewOf(payload);
  view.setUint32(at.type - info_cap_header.size, region.type, true);
  view.setUint32(at.subtype - info_cap_header.size, region.subtype, true);
  info.caps.push({ id: INFO_CAP.REGION_TYPE, version: 1, payload });
  return region.ops.addCapability?.(core, region, info) ?? 0;
}
