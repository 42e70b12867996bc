/** Variables of a running script: numbers and texts under one namespace, `name` or `name.attribute`. */
import { evaluate } from './expression.ts';

export class Variables {
  private readonly values = new Map<string, bigint | string>();

  set(name: string, value: bigint | number | string): void {
    this.values.set(name, typeof value === 'number' ? BigInt(value) : value);
  }

  /** The number a word stands for. */
  number(word: string): bigint {
    return evaluate(word, (name) => this.numeric(name)) ?? 0n;
  }

  /** The descriptor a word stands for: a variable's or a literal one; -1 if the variable was never set. */
  descriptor(word: string): number {
    const name = word.replace(/^\$/, '');
    const value = this.numeric(name) ?? evaluate(name, () => undefined) ?? -1n;
    return Number(BigInt.asIntN(32, value));
  }

  /** Replaces every `$name` and `$name.attribute` that is set by its value. */
  expand(text: string): string {
    return text.replace(/\$([A-Za-z_]\w*)(\.\w+)?/g, (whole, name: string, attribute: string | undefined) => {
      const full = this.values.get(name + (attribute ?? ''));
      if (full !== undefined) return String(full);
      const plain = this.values.get(name);
      return plain === undefined ? whole : String(plain) + (attribute ?? '');
    });
  }

  private numeric(name: string): bigint | undefined {
    const value = this.values.get(name);
    return typeof value === 'string' ? evaluate(value, () => undefined) : value;
  }
}
