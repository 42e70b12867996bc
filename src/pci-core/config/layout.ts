/**
 * What a function's configuration space consists of for a user: which capability each byte belongs to, its masks, what
 * the shadow copies at open, and how the lists are relinked around hidden capabilities. It depends on read-only bytes
 * only, so it is computed once per function template (vfio_pci_config.c: vfio_cap_init, vfio_ecap_init).
 */
import { PCI } from '../../../sim/pci/registers.ts';
import type { FunctionTemplate } from '../../../sim/pci/template.ts';
import { HEADER } from './header-table.ts';
import type { Measure, PermissionRow } from './row.ts';
import { walkExtended } from './walk-extended.ts';
import { walkStandard } from './walk-standard.ts';

/** Map bytes: the header, a byte that no visible capability covers, and one that exists in the shadow only. */
export const MAP = { BASIC: 0x00, INVALID: 0xff, INVALID_VIRT: 0xfe } as const;

/** A byte of the shadow that differs from hardware at open: `(hardware & keep) | set`. */
export interface Patch {
  readonly at: number;
  readonly keep: number;
  readonly set: number;
}

export class ConfigLayout {
  readonly size: number;
  /** One byte per byte: the capability's id (low byte), or a {@link MAP} value. */
  readonly map: Uint8Array;
  /** Start of the capability each byte belongs to. */
  readonly start: Uint16Array;
  /** What the shadow copies from hardware: offset and width of each access, in turn. */
  readonly copies: number[] = [];
  readonly patches: Patch[] = [];
  /** Whether extended space has a list at all; otherwise all of it is raw. */
  extended = false;
  private readonly virt: DataView;
  private readonly write: DataView;
  private readonly hardware: DataView;

  constructor(template: FunctionTemplate) {
    this.size = template.size;
    this.map = new Uint8Array(this.size).fill(MAP.INVALID);
    this.map.fill(MAP.BASIC, 0, PCI.STD_HEADER_SIZEOF);
    this.start = new Uint16Array(this.size);
    this.virt = new DataView(new ArrayBuffer(this.size));
    this.write = new DataView(new ArrayBuffer(this.size));
    this.hardware = new DataView(template.reset.buffer, template.reset.byteOffset, this.size);
    for (let at = 0; at < PCI.STD_HEADER_SIZEOF; at += 4) this.copies.push(at, 4);
    this.permit(0, HEADER);
    walkStandard(this);
    if (this.extended) walkExtended(this);
    this.findStarts();
  }

  /** A register at reset. */
  read(at: number, width: 1 | 2 | 4): number {
    if (at + width > this.size) return 0;
    if (width === 4) return this.hardware.getUint32(at, true);
    return width === 2 ? this.hardware.getUint16(at, true) : this.hardware.getUint8(at);
  }

  /** Reads relative to a capability. */
  measure(start: number): Measure {
    return (at, width) => this.read(start + at, width);
  }

  /** Gives [at, at + length) to capability `id`, and has the shadow copy it. A later capability wins an overlap. */
  cover(at: number, length: number, id: number): void {
    const end = Math.min(at + length, this.size);
    this.map.fill(id, at, end);
    for (let position = at; position < end; ) {
      const left = end - position;
      const width = position % 4 === 0 && left >= 4 ? 4 : position % 2 === 0 && left >= 2 ? 2 : 1;
      this.copies.push(position, width);
      position += width;
    }
  }

  /** Sets the masks of registers relative to `start`. */
  permit(start: number, rows: readonly PermissionRow[]): void {
    for (const row of rows)
      for (let i = 0; i < row.width && start + row.at + i < this.size; i++) {
        this.virt.setUint8(start + row.at + i, row.virt >>> (8 * i));
        this.write.setUint8(start + row.at + i, row.write >>> (8 * i));
      }
  }

  /** Replaces a byte of the shadow, or part of it. */
  patch(at: number, set: number, keep = 0): void {
    this.patches.push({ at, keep, set });
  }

  /** The virtual bits of a chunk. */
  virtual(position: number, count: number): number {
    return mask(this.virt, position, count);
  }

  /** The writable bits of a chunk. */
  writable(position: number, count: number): number {
    return mask(this.write, position, count);
  }

  /**
   * vfio_find_cap_start: back while the id stays the same. Two neighbouring capabilities of one id are one to the
   * kernel, and id 0 in extended space is taken for the header.
   */
  private findStarts(): void {
    const { map, start } = this;
    for (let at = PCI.STD_HEADER_SIZEOF; at < this.size; at++) {
      const first = at === PCI.STD_HEADER_SIZEOF || at === PCI.CFG_SPACE_SIZE;
      if (map[at] === MAP.BASIC) start[at] = 0;
      else if (map[at]! >= MAP.INVALID_VIRT) start[at] = at;
      else start[at] = !first && map[at - 1] === map[at] ? start[at - 1]! : at;
    }
  }
}

function mask(view: DataView, position: number, count: number): number {
  if (count === 4) return view.getUint32(position, true);
  return count === 2 ? view.getUint16(position, true) : view.getUint8(position);
}

let cache = new WeakMap<FunctionTemplate, ConfigLayout>();

/** The layout of a function, computed on first use. */
export function layoutOf(template: FunctionTemplate): ConfigLayout {
  let layout = cache.get(template);
  if (layout === undefined) {
    layout = new ConfigLayout(template);
    cache.set(template, layout);
  }
  return layout;
}

/** Forgets all layouts: whoever changed a capability table calls this for the change to take effect. */
export function forgetLayouts(): void {
  cache = new WeakMap();
}
