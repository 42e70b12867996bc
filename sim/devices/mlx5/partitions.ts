/** Who is told whenever state of a partition changes: `pf` for what the card shares, `vf<n>` for what is one VF's own. */
export type TouchListener = (partition: string, what: string) => void;

/** The confinement monitor's stamp on every write of device state: see {@link TouchListener}. Unset, it costs a test. */
export class Partitions {
  onTouch: TouchListener | undefined = undefined;

  touch(partition: string, what: string): void {
    if (this.onTouch !== undefined) this.onTouch(partition, what);
  }
}

/** The partition of the card itself. */
export const PF_PARTITION = 'pf';
