/** Bytes of a corpus, read and written in order. Behind the end there are zeros, so that any bytes can be read. */

export class ByteReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get ended(): boolean {
    return this.at >= this.bytes.length;
  }

  next(): number {
    return this.bytes[this.at++] ?? 0;
  }

  /** A little-endian number of `length` bytes, modulo 2^53: what a number can hold. */
  number(length: number): number {
    let value = 0;
    for (let i = 0; i < length; i++) {
      const byte = this.next();
      // 6 bytes are 48 bits; of the seventh five are left, of the eighth none.
      if (i < 6) value += byte * 2 ** (8 * i);
      else if (i === 6) value += (byte & 0x1f) * 2 ** 48;
    }
    return value;
  }
}

export class ByteWriter {
  private readonly bytes: number[] = [];

  byte(value: number): void {
    this.bytes.push(value & 0xff);
  }

  /** A little-endian number of `length` bytes. */
  number(value: number, length: number): void {
    for (let i = 0; i < length; i++) this.byte(Math.floor(value / 2 ** (8 * i)) % 0x100);
  }

  done(): Buffer {
    return Buffer.from(this.bytes);
  }
}
