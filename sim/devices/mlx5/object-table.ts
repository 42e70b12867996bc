/** Objects of one kind, by number. Numbers are not used again, so that a stale one is noticed. */
export class ObjectTable<T> {
  readonly limit: number;
  private next: number;
  /** Ascending numbers, and the object of each. Lists: there are few at a time. */
  private readonly numbers: number[] = [];
  private readonly items: T[] = [];

  constructor(limit: number, first: number) {
    this.limit = limit;
    this.next = first;
  }

  get size(): number {
    return this.items.length;
  }

  get full(): boolean {
    return this.items.length >= this.limit;
  }

  /** Makes an object with the next number; call only if not {@link full}. */
  add(make: (number: number) => T): T {
    const item = make(this.next);
    this.numbers.push(this.next++);
    this.items.push(item);
    return item;
  }

  get(number: number): T | undefined {
    const at = this.numbers.lastIndexOf(number);
    return at < 0 ? undefined : this.items[at];
  }

  remove(number: number): void {
    const { numbers, items } = this;
    const at = numbers.lastIndexOf(number);
    if (at < 0) return;
    for (let i = at + 1; i < items.length; i++) {
      numbers[i - 1] = numbers[i]!;
      items[i - 1] = items[i]!;
    }
    numbers.pop();
    items.pop();
  }

  clear(): void {
    this.numbers.length = 0;
    this.items.length = 0;
  }

  values(): readonly T[] {
    return this.items;
  }
}
