/**
 * Fault injection, as CONFIG_FAULT_INJECTION gives it to a real kernel (failslab, fail_usercopy, fail_function): the n-th
 * allocation, copy, descriptor or parent command from now on fails, once. Points stand where the kernel does such a thing
 * for a user and can fail by it; they count always, and fail only when one of them was armed.
 */

/** What can be made to fail; in brackets what the call then answers, if the kernel has no other plan for it. */
export type FaultKind =
  /** kmalloc and its relatives: slab, pages, ids, page tables (ENOMEM). */
  | 'allocation'
  /** copy_from_user and copy_to_user (EFAULT). */
  | 'copy'
  /** get_unused_fd_flags (EMFILE). */
  | 'file'
  /** A command to the parent's firmware (what its status becomes). */
  | 'command';

/** All points of one kind. Plain fields, so that a machine that is brought back has them as they were. */
export class FaultPoint {
  /** Points passed since the machine was built. */
  passed = 0;
  /** The number of the one that fails; 0: none. */
  private failing = 0;

  /** Counts one point; true: it has to fail. */
  fails(): boolean {
    return ++this.passed === this.failing;
  }

  /** The n-th point from now fails, once; counted from 1. */
  arm(n: number): void {
    this.failing = this.passed + n;
  }

  disarm(): void {
    this.failing = 0;
  }

  /** The point that was armed is still to come. */
  get armed(): boolean {
    return this.failing > this.passed;
  }

  /** The last point that was passed is the one that was made to fail. */
  get hasJustFailed(): boolean {
    return this.failing === this.passed;
  }
}

/** Which command fails, and how. */
export interface CommandFault {
  /** The status byte it comes back with; default 1, an internal error. */
  readonly status?: number;
  /** Only commands with this opcode count; default: all. */
  readonly opcode?: number;
  /** Only commands for which this says so count; asked as each is carried out. */
  readonly counts?: (opcode: number) => boolean;
}

/** Commands of parents: counted by whoever carries them out, which is a device model. */
export class CommandPoint {
  passed = 0;
  /** How many failed by injection since the machine was built. */
  injected = 0;
  private left = 0;
  private fault: CommandFault = {};

  /** Counts one command: the status it has to fail with, or undefined. */
  status(opcode: number): number | undefined {
    this.passed++;
    return this.left === 0 ? undefined : this.judge(opcode);
  }

  arm(n: number, fault: CommandFault = {}): void {
    this.left = n;
    this.fault = fault;
  }

  disarm(): void {
    this.left = 0;
  }

  get armed(): boolean {
    return this.left > 0;
  }

  private judge(opcode: number): number | undefined {
    const { fault } = this;
    if (fault.opcode !== undefined && fault.opcode !== opcode) return undefined;
    if (fault.counts !== undefined && !fault.counts(opcode)) return undefined;
    if (--this.left > 0) return undefined;
    this.injected++;
    return fault.status ?? 1;
  }
}

/** The fault injection of one kernel (`kernel.faults`). Off until armed. */
export class FaultInjection {
  readonly allocation = new FaultPoint();
  readonly copy = new FaultPoint();
  readonly file = new FaultPoint();
  readonly command = new CommandPoint();

  /** Makes the n-th point of `kind` from now on fail, once. `fault` is for commands. */
  arm(kind: FaultKind, n: number, fault?: CommandFault): void {
    if (kind === 'command') this.command.arm(n, fault);
    else this[kind].arm(n);
  }

  /** Whatever was armed and has not failed yet will not. */
  disarm(): void {
    for (const kind of ['allocation', 'copy', 'file', 'command'] as const) this[kind].disarm();
  }

  /** Whether the point that was armed is still to come. */
  armed(kind: FaultKind): boolean {
    return this[kind].armed;
  }

  /** How many points of `kind` were passed since the machine was built: the difference is what a call passes. */
  passed(kind: FaultKind): number {
    return this[kind].passed;
  }
}
