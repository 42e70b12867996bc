/** Objects of one kind, by number. Numbers are not used again, so that a stale one is noticed. */
export class ObjectTable<T> {
  readonly limit: number;
  private next: number;
  private readonly items = new Map<number, T>();

  constructor(limit: number, first: number) {
    this.limit = limit;
    this.next = first;
  }

  get size(): number {
    return this.items.size;
  }

  get full(): boolean {
    return this.items.size >= this.limit;
  }

  /** Makes an object with the next number; call only if not {@link full}. */
  add(make: (number: number) => T): T {
    const item = make(this.next);
    this.items.set(this.next++, item);
    return item;
  }

  get(number: number): T | undefined {
    return this.items.get(number);
  }

  remove(number: number): void {
    this.items.delete(number);
  }

  clear(): void {
    this.items.clear();
  }

  values(): IterableIterator<T> {
    return this.items.values();
  }
}
