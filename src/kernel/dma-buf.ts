/** dma-bufs as importers see them (linux/dma-buf.h): memory of a device, which the exporter may take away. */

/** Whoever wants to reach the memory of a dma-buf. */
export interface DmaBufImporter {
  /** It can take addresses on the bus. */
  readonly peer2peer: boolean;
  /** Told when the memory goes: from then on it uses none of it. Without this it would pin what it attaches to. */
  moved?(): void;
}

/** What an exporter lets an importer know that maps the memory for DMA. */
export interface DmaBufExport {
  /** Bytes. */
  readonly size: number;
  /** One physically contiguous range, which is all that an importer for DMA can use. */
  readonly contiguous: boolean;
  /** Address of the first byte; undefined while the exporter has taken the memory away. */
  physical(): number | undefined;
  /** dma_buf_dynamic_attach: the way to detach, or a negated errno. */
  attach(importer: DmaBufImporter): (() => void) | number;
  /** Tells `listener` when the memory is taken away; returns the way to be told no more. */
  onRevoke(listener: () => void): () => void;
}

/** Marks an open file as a dma-buf. */
export interface DmaBufFile {
  readonly dmaBuf: DmaBufExport;
}

/** dma_buf_get: the export behind an open file, if it is one. */
export function dmaBufOf(file: object): DmaBufExport | undefined {
  return 'dmaBuf' in file ? (file as DmaBufFile).dmaBuf : undefined;
}
