/** Storage behind the VPD capability (PCI Local Bus 3.0, appendix I; PCIe 7.9.18). Transfers complete at once. */
import type { ConfigSpace } from './config-space.ts';
import { VPD, VPD_ADDR_F, VPD_ADDR_MASK } from './registers.ts';

/** Vital product data of one function. */
export class VpdStorage {
  private readonly config: ConfigSpace;
  private readonly at: number;
  private readonly contents: Uint8Array;

  /** `at`: where the capability is. `contents` is copied. */
  constructor(config: ConfigSpace, at: number, contents: Uint8Array) {
    this.config = config;
    this.at = at;
    this.contents = contents.slice();
  }

  /** What there is now. */
  get bytes(): Uint8Array {
    return this.contents;
  }

  /** The address register was written: F set asks for a write of DATA, F clear for a read; the answer toggles F. */
  transfer(): void {
    const { config, at, contents } = this;
    const word = config.read(at + VPD.ADDR, 2);
    const address = word & VPD_ADDR_MASK & ~3;
    for (let i = 0; i < 4; i++) {
      if (word & VPD_ADDR_F) {
        if (address + i < contents.length) contents[address + i] = config.read(at + VPD.DATA + i, 1);
      } else config.set(at + VPD.DATA + i, 1, contents[address + i] ?? 0xff);
    }
    config.set(at + VPD.ADDR, 2, word ^ VPD_ADDR_F);
  }
}
