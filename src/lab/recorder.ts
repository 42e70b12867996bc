/** What one observer saw, as bytes: two runs are compared with one memory comparison, and a difference names its step. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';

/** Room to begin with. */
const FIRST = 512;

export class Recorder {
  private bytes = zeroedBytes(FIRST);
  private view = viewOf(this.bytes);
  private length = 0;
  /** The numbers of the steps that were begun, and where the observations of each start; as many as `begun`. */
  private readonly steps: number[] = [];
  private readonly starts: number[] = [];
  private begun = 0;

  /** Nothing has been seen yet. */
  clear(): void {
    this.length = 0;
    this.begun = 0;
  }

  /** Observations from here on belong to `step`. */
  begin(step: number): void {
    this.steps[this.begun] = step;
    this.starts[this.begun++] = this.length;
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
    const shared = Math.min(a.begun, b.begun);
    for (let i = 0; i < shared; i++) {
      const [left, right] = [a.part(i), b.part(i)];
      if (a.steps[i] !== b.steps[i] || Buffer.compare(left, right) !== 0) return { step: a.steps[i]!, left, right };
    }
    return { step: -1, left: a.seen, right: b.seen };
  }

  private part(index: number): Uint8Array {
    const end = index + 1 < this.begun ? this.starts[index + 1] : this.length;
    return this.bytes.subarray(this.starts[index], end);
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
