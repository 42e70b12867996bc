/** Vital product data of a function as the PCI core moves it (drivers/pci/vpd.c: pci_vpd_size, pci_vpd_read, _write). */
import { CAP, VPD, VPD_ADDR_F } from '../../sim/pci/registers.ts';
import type { PciDevice } from '../kernel/pci/device.ts';

/** Largest VPD (PCI_VPD_MAX_SIZE). */
const MAX_SIZE = 0x8000;
/** Large resources have bit 7 and 16 bits of length; small ones 3 bits. The end tag is a small one. */
const LARGE = 0x80;
const TAG_MASK = 0x78;
const END_TAG = 0x78;
const NO_VPD: readonly number[] = [0x00, 0xff];

/** Vital product data of one device, as the host reads and writes it. */
export class HostVpd {
  private readonly pdev: PciDevice;
  /** Bytes up to the end tag, once looked for; undefined: there is no VPD, and there never will be. */
  private known: { readonly size: number | undefined } | undefined;

  constructor(pdev: PciDevice) {
    this.pdev = pdev;
  }

  /** Four bytes at `at`, those beyond the end 0; undefined without VPD, or when the device does not complete in time. */
  read(at: number): number | undefined {
    const { size } = this;
    if (size === undefined) return undefined;
    let value = 0;
    for (let i = 0; i < 4 && at + i < size; i++) {
      const byte = this.byte(at + i);
      if (byte === undefined) return undefined;
      value += byte * 2 ** (8 * i);
    }
    return value;
  }

  /** False if `at` is not aligned or the end is passed, without VPD, or when the device does not complete in time. */
  write(at: number, value: number): boolean {
    const { size, pdev } = this;
    if (size === undefined || at % 4 !== 0 || at + 4 > size) return false;
    const cap = pdev.capability(CAP.VPD);
    pdev.writeConfig(cap + VPD.DATA, 4, value);
    pdev.writeConfig(cap + VPD.ADDR, 2, at | VPD_ADDR_F);
    return (pdev.readConfig(cap + VPD.ADDR, 2) & VPD_ADDR_F) === 0;
  }

  private get size(): number | undefined {
    this.known ??= { size: this.measure() };
    return this.known.size;
  }

  /** The walk over the tags. A list that breaks off ends where it does, but one that does not even begin is none. */
  private measure(): number | undefined {
    for (let at = 0; at < MAX_SIZE; ) {
      const tag = this.byte(at);
      if (tag === undefined || (at === 0 && NO_VPD.includes(tag))) return at || undefined;
      if ((tag & LARGE) === 0) {
        at += 1 + (tag & 7);
        if ((tag & TAG_MASK) === END_TAG) return at;
        continue;
      }
      const low = this.byte(at + 1);
      const high = this.byte(at + 2);
      if (low === undefined || high === undefined) return at || undefined;
      const length = 3 + low + high * 256;
      if (at + length > MAX_SIZE) return at || undefined;
      at += length;
    }
    return MAX_SIZE;
  }

  /** The registers move four aligned bytes. */
  private byte(at: number): number | undefined {
    const { pdev } = this;
    const cap = pdev.capability(CAP.VPD);
    pdev.writeConfig(cap + VPD.ADDR, 2, at & ~3);
    if ((pdev.readConfig(cap + VPD.ADDR, 2) & VPD_ADDR_F) === 0) return undefined;
    return (pdev.readConfig(cap + VPD.DATA, 4) >>> (8 * (at & 3))) & 0xff;
  }
}
