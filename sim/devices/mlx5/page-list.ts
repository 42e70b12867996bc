/** Addresses of pages, as commands list them ("pas", "mtt"), for addresses that count from the first page's start. */
export class PageList {
  /** Bytes of a page. */
  readonly pageBytes: number;
  /** Bytes of all pages. */
  length = 0;
  /** Pages in a row count once: where each row starts, and its address. Most lists are one row. */
  private readonly starts: number[] = [];
  private readonly addresses: number[] = [];
  private next = -1;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  add(address: number): void {
    if (address !== this.next) {
      this.starts.push(this.length);
      this.addresses.push(address);
    }
    this.next = address + this.pageBytes;
    this.length += this.pageBytes;
  }

  /** The address of byte `at`; undefined behind the end. */
  address(at: number): number | undefined {
    if (at >= this.length) return undefined;
    const row = this.row(at);
    return this.addresses[row]! + at - this.starts[row]!;
  }

  /** Bytes that follow one another from byte `at` on. */
  inRow(at: number): number {
    return (this.starts[this.row(at) + 1] ?? this.length) - at;
  }

  private row(at: number): number {
    let row = this.starts.length - 1;
    while (this.starts[row]! > at) row--;
    return row;
  }
}
