/** Test registers of pci-testdev (QEMU docs/specs/pci-testdev.rst): both BARs show the header of the test selected. */
import { viewOf, zeroedBytes } from '../../bytes.ts';
import type { DeviceModel, ModelFactory } from '../../pci/model.ts';

/** Offsets in the header. A write to the first byte selects a test of that BAR and clears its count. */
export const TESTDEV = { TEST: 0, WIDTH: 1, OFFSET: 4, DATA: 8, COUNT: 12, NAME: 16 } as const;

/** Kinds of test, the same for memory and I/O; the host counts writes of the last two by eventfds of its own. */
const KINDS = ['no-eventfd', 'wildcard-eventfd', 'datamatch-eventfd'] as const;
const WILDCARD = 1;
/** What the byte written is compared with, and what a wildcard test has in that place. */
const DATA_MATCH = 0xfa;
const NO_MATCH = 0xce;

interface Test {
  readonly header: Uint8Array;
  /** Where a write counts. */
  readonly offset: number;
  readonly eventfd: boolean;
}

/** Tests of one BAR are numbered on from those of the BARs before. */
function testsOf(type: string, first: number, base: number): Test[] {
  return KINDS.map((kind, i) => {
    const name = `${type}-${kind}`;
    const header = zeroedBytes(TESTDEV.NAME + name.length + 1);
    const view = viewOf(header);
    const offset = base + first + i;
    view.setUint8(TESTDEV.TEST, first + i);
    view.setUint8(TESTDEV.WIDTH, 1);
    view.setUint32(TESTDEV.OFFSET, offset, true);
    view.setUint8(TESTDEV.DATA, i === WILDCARD ? NO_MATCH : DATA_MATCH);
    header.set(Buffer.from(name, 'latin1'), TESTDEV.NAME);
    return { header, offset, eventfd: i > 0 };
  });
}

/** The device takes bytes: wider accesses are so many of them. */
class Testdev implements DeviceModel {
  private readonly tests: readonly (readonly Test[])[] = [testsOf('mmio', 0, 2048), testsOf('portio', 3, 128)];
  /** Selected through either BAR, and seen through both. */
  private current: Test | undefined;

  read(_bar: number, offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.byte(offset + i);
    return value;
  }

  write(bar: number, offset: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) this.store(bar, offset + i, (value >>> (8 * i)) & 0xff);
  }

  reset(): void {
    this.current = undefined;
  }

  /** The header's last byte, a terminating zero, and all behind it read 0. */
  private byte(offset: number): number {
    return this.current?.header[offset] ?? 0;
  }

  private store(bar: number, offset: number, value: number): void {
    if (offset === TESTDEV.TEST) {
      this.current = this.tests[bar]?.[value];
      if (this.current !== undefined) viewOf(this.current.header).setUint32(TESTDEV.COUNT, 0, true);
      return;
    }
    const { current } = this;
    if (current === undefined || current.eventfd || offset !== current.offset || value !== DATA_MATCH) return;
    const view = viewOf(current.header);
    view.setUint32(TESTDEV.COUNT, view.getUint32(TESTDEV.COUNT, true) + 1, true);
  }
}

export const testdev: ModelFactory = () => new Testdev();
