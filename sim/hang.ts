/** A loop that exceeded its budget: what would spin for ever in the kernel. The lab's verdict is a hang, not a fault. */
export class HangError extends Error {
  override readonly name = 'HangError';
}
