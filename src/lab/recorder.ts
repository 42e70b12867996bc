/** What one observer saw, as bytes: two runs are compared with one memory comparison, and a difference names its step. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';

/** Room to begin with. */
const FIRST = 512;

export class Recorder {
  private bytes = zeroedBytes(FIRST);
  private view = viewOf(this.bytes);
  private length = 0;
  /** Start of each step's observations, and the step's number. */
  private readonly marks: { step: number; at: number }[] = [];

  /** Nothing has been seen yet. */
  clear(): void {
    this.length = 0;
    this.marks.length = 0;
  }

  /** Observations from here on belong to `step`. */
  begin(step: number): void {
    this.marks.push({ step, at: this.length });
  }

  number(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  data(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  get seen(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** The first difference: the step it belongs to and both observations of that step; undefined if equal. */
  static compare(a: Recorder, b: Recorder): Difference | undefined {
    if (a.length === b.length && Buffer.compare(a.seen, b.seen) === 0) return undefined;
    const shared = Math.min(a.marks.length, b.marks.length);
    for (let i = 0; i < shared; i++) {
      const [left, right] = [a.part(i), b.part(i)];
      if (a.marks[i]!.step !== b.marks[i]!.step || Buffer.compare(left, right) !== 0)
        return { step: a.marks[i]!.step, left, right };
    }
    return { step: -1, left: a.seen, right: b.seen };
  }

  private part(index: number): Uint8Array {
    return this.bytes.subarray(this.marks[index]!.at, this.marks[index + 1]?.at ?? this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = zeroedBytes(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.seen);
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}

/** Where two runs first differ for an observer. */
export interface Difference {
  readonly step: number;
  readonly left: Uint8Array;
  readonly right: Uint8Array;
}
