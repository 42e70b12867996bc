/** Message interrupts of one function: MSI (PCIe 7.7.1) and MSI-X (7.7.2), masked, pending and sent. */
import type { ConfigSpace } from './config-space.ts';
import type { MsixTable } from './msix-table.ts';
import { MSI, MSI_FLAGS, MSIX, MSIX_FLAGS } from './registers.ts';

/** What a function's interrupts are sent as now. */
export type InterruptMode = 'msix' | 'msi' | 'intx';

/** The message capabilities of one function; 0 as their place: it has none. */
export class Messages {
  private readonly config: ConfigSpace;
  private readonly msi: number;
  private readonly msix: number;
  private readonly table: MsixTable | undefined;
  private readonly send: (address: number, data: number) => void;

  constructor(
    config: ConfigSpace,
    at: { readonly msi: number; readonly msix: number },
    table: MsixTable | undefined,
    send: (address: number, data: number) => void,
  ) {
    this.config = config;
    this.msi = at.msi;
    this.msix = at.msix;
    this.table = table;
    this.send = send;
  }

  get mode(): InterruptMode {
    if (this.msix && this.config.read(this.msix + MSIX.FLAGS, 2) & MSIX_FLAGS.ENABLE) return 'msix';
    if (this.msi && this.config.read(this.msi + MSI.FLAGS, 2) & MSI_FLAGS.ENABLE) return 'msi';
    return 'intx';
  }

  /** Sends the message of a vector, or marks it pending (7.7.2.5). */
  raise(vector: number): void {
    const { mode } = this;
    if (mode === 'msix') this.raiseMsix(vector);
    else if (mode === 'msi') this.raiseMsi(vector);
  }

  /** The MSI-X control register was written: what waited and is not masked any more goes out. */
  flushMsix(): void {
    const table = this.table!;
    for (let vector = 0; vector < table.size; vector++) if (table.isPending(vector)) this.raise(vector);
  }

  /** Vectors that were raised while masked are sent once they are not (7.7.1.8). */
  flushMsi(): void {
    const flags = this.config.read(this.msi + MSI.FLAGS, 2);
    if ((flags & MSI_FLAGS.MASKBIT) === 0 || (flags & MSI_FLAGS.ENABLE) === 0) return;
    const mask = this.msi + (flags & MSI_FLAGS.X64BIT ? MSI.MASK_64 : MSI.MASK_32);
    const ready = this.config.read(mask + 4, 4) & ~this.config.read(mask, 4);
    for (let vector = 0; vector < 32; vector++) {
      if ((ready & (1 << vector)) === 0) continue;
      this.config.set(mask + 4, 4, (this.config.read(mask + 4, 4) & ~(1 << vector)) >>> 0);
      this.raise(vector);
    }
  }

  private raiseMsix(vector: number): void {
    const table = this.table!;
    if (vector >= table.size) return;
    const flags = this.config.read(this.msix + MSIX.FLAGS, 2);
    if (flags & MSIX_FLAGS.MASKALL || table.masked(vector)) {
      table.setPending(vector, true);
      return;
    }
    table.setPending(vector, false);
    this.send(table.address(vector), table.data(vector));
  }

  private raiseMsi(vector: number): void {
    const { config, msi: at } = this;
    const flags = config.read(at + MSI.FLAGS, 2);
    const enabled = (flags & MSI_FLAGS.QSIZE) >> 4;
    const number = vector & ((1 << enabled) - 1);
    const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
    const high = wide ? config.read(at + MSI.ADDRESS_HI, 4) : 0;
    const data = config.read(at + (wide ? MSI.DATA_64 : MSI.DATA_32), 2);
    const mask = at + (wide ? MSI.MASK_64 : MSI.MASK_32);
    if (flags & MSI_FLAGS.MASKBIT && config.read(mask, 4) & (1 << number)) {
      config.set(mask + 4, 4, (config.read(mask + 4, 4) | (1 << number)) >>> 0);
      return;
    }
    this.send(config.read(at + MSI.ADDRESS_LO, 4) + high * 0x1_0000_0000, (data & ~((1 << enabled) - 1)) | number);
  }
}
