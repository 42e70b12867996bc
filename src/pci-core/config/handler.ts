/** How a byte of configuration space answers: the read and write functions of struct perm_bits (vfio_pci_config.c). */
import { PCI } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';

/** All ones of a width of 1, 2 or 4 bytes. */
const ONES: readonly number[] = [0, 0xff, 0xffff, 0, 0xffff_ffff];

/**
 * A kind of configuration bytes. A chunk is 1, 2 or 4 bytes, naturally aligned, of one capability; `offset` counts from
 * that capability's start. Reads give the value or a negated errno; writes the count or a negated errno.
 */
export class ConfigHandler {
  /** False: a chunk counts as written without the user's buffer being read. */
  readonly writable: boolean = false;

  read(_core: VfioPciCoreDevice, _position: number, _count: number, _offset: number): number {
    return 0;
  }
  write(
    _core: VfioPciCoreDevice,
    _position: number,
    count: number,
    _offset: number,
    _value: number,
  ): number | Task<number> {
    return count;
  }
}

/** vfio_raw_config_read and _write: hardware, untouched. Hidden capabilities stay reachable this way. */
export class RawHandler extends ConfigHandler {
  override readonly writable: boolean = true;
  override read(core: VfioPciCoreDevice, position: number, count: number, _offset: number): number {
    return core.pdev.readConfig(position, count);
  }
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    _offset: number,
    value: number,
  ): number | Task<number> {
    core.pdev.writeConfig(position, count, value);
    return count;
  }
}

/** vfio_virt_config_read and _write: memory of the shadow only. */
export class VirtualHandler extends ConfigHandler {
  override readonly writable: boolean = true;
  override read(core: VfioPciCoreDevice, position: number, count: number, _offset: number): number {
    return core.shadow.get(position, count);
  }
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    _offset: number,
    value: number,
  ): number | Task<number> {
    core.shadow.set(position, count, value);
    return count;
  }
}

/** vfio_direct_config_read: hardware, except for the list pointers, which the kernel may have changed. */
export class DirectHandler extends ConfigHandler {
  override read(core: VfioPciCoreDevice, position: number, count: number, offset: number): number {
    const value = core.pdev.readConfig(position, count);
    if (position >= PCI.CFG_SPACE_SIZE) return offset < 4 ? core.shadow.get(position, count) : value;
    if (position < PCI.STD_HEADER_SIZEOF) return value;
    if (offset === 0 && count > 1) return ((value & ~0xffff) | core.shadow.get(position, 2)) >>> 0;
    return offset === 1 ? core.shadow.get(position, 1) : value;
  }
}

/** As direct, with raw writes: vendor-specific capabilities, which only the device understands. */
export class VendorHandler extends DirectHandler {
  override readonly writable: boolean = true;
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    _offset: number,
    value: number,
  ): number | Task<number> {
    core.pdev.writeConfig(position, count, value);
    return count;
  }
}

/** vfio_default_config_read and _write: bit by bit, from the virtual and write masks of the tables. */
export class DefaultHandler extends ConfigHandler {
  override readonly writable: boolean = true;

  override read(core: VfioPciCoreDevice, position: number, count: number, _offset: number): number {
    const virt = core.shadow.layout.virtual(position, count);
    const shadow = core.shadow.get(position, count);
    // Hardware is asked only if some bit of the chunk is not virtual.
    if (virt === ONES[count]) return shadow;
    return ((core.pdev.readConfig(position, count) & ~virt) | (shadow & virt)) >>> 0;
  }

  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    _offset: number,
    value: number,
  ): number | Task<number> {
    return this.store(core, position, count, value);
  }

  /**
   * Distributes the bits. The hardware part is a read-modify-write of the whole chunk, so write-one-to-clear bits that
   * merely neighbour a writable register are written back as read, and clear.
   */
  store(core: VfioPciCoreDevice, position: number, count: number, value: number): number {
    const { layout } = core.shadow;
    const write = layout.writable(position, count);
    if (write === 0) return count;
    const virt = layout.virtual(position, count);
    const toShadow = write & virt;
    if (toShadow !== 0)
      core.shadow.set(position, count, (core.shadow.get(position, count) & ~toShadow) | (value & toShadow));
    const toHardware = write & ~virt;
    if (toHardware !== 0) {
      const before = core.pdev.readConfig(position, count);
      core.pdev.writeConfig(position, count, ((before & ~toHardware) | (value & toHardware)) >>> 0);
    }
    return count;
  }
}

export const raw = new RawHandler();
export const virtual = new VirtualHandler();
export const direct = new DirectHandler();
export const vendor = new VendorHandler();
export const byMasks = new DefaultHandler();
