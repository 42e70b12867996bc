/** read and write of BAR and ROM regions (vfio_pci_rdwr.c: vfio_pci_bar_rw). */
import type { BarAccess } from '../kernel/pci/device.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { PCI_REGION } from '../uapi/vfio.ts';
import { vfio_pci_core_do_io_rw } from './bar-io.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { mapRom, roundupPowerOfTwo } from './rom.ts';

/** Bytes of a region that can be addressed; undefined where the host gave no address. */
function regionEnd(core: VfioPciCoreDevice, index: number): number | undefined {
  const { start, length } = core.pdev.resources[index]!;
  if (start !== 0) return length;
  if (index === PCI_REGION.ROM && core.platformRom !== undefined) return roundupPowerOfTwo(core.platformRom.length);
  return undefined;
}

/** The bytes done (short at the region's end), or a negated errno. A position at or beyond the end is EINVAL. */
export function vfio_pci_bar_rw(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  length: number,
  index: number,
  position: number,
  iswrite: boolean,
): number {
  const end = regionEnd(core, index);
  if (end === undefined || position >= end) return -ERRNO.EINVAL;
  const count = Math.min(length, end - position);
  if (index === PCI_REGION.ROM) return romRead(core, caller, address, count, position, end);
  const error = core.bars.reserved(index);
  if (error < 0) return error;
  const io = core.bars.registers(index);
  const memory = !core.pdev.resources[index]!.io;
  const msix = index === core.msixBar;
  const from = msix ? core.msixOffset : 0;
  const to = msix ? core.msixOffset + core.msixSize : 0;
  return vfio_pci_core_do_io_rw(core, memory, io, caller, address, position, count, from, to, iswrite);
}

/** Unlike GET_REGION_INFO this does not turn decoding on, so an undecoded ROM is ENOMEM. */
function romRead(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
  end: number,
): number {
  const image = mapRom(core);
  if (image === undefined) return -ERRNO.ENOMEM;
  const memory = core.pdev.resources[PCI_REGION.ROM]!.start !== 0;
  return vfio_pci_core_do_io_rw(
    core,
    memory,
    romAccess(image),
    caller,
    address,
    position,
    count,
    image.length,
    end,
    false,
    4,
  );
}

function romAccess(image: Uint8Array): BarAccess {
  return {
    read: (offset, width) => {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + (image[offset + i] ?? 0xff);
      return value;
    },
    write: () => {},
  };
}
