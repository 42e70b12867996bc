/** One VF under mlx5-vfio-pci (drivers/vfio/pci/mlx5/cmd.h: mlx5vf_pci_core_device), and its deferred reset. */
import { DONE, Mutex, type Task } from '../../src/kernel/sleep.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/index.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, type MigState } from '../../src/uapi/vfio.ts';
import type { Parent } from '../../src/variant/interaction.ts';
import type { Mlx5Core } from './core/core.ts';
import type { Mlx5Interactions } from './parent.ts';
import type { ResumeSession } from './resume/session.ts';
import { SAFEGUARDS } from './safeguards.ts';
import type { SaveSession } from './save/session.ts';
import { PageTracker } from './tracker/page-tracker.ts';
import { VhcaCommands } from './vhca-commands.ts';

/** What the driver learnt of the VF and its card when it was bound. */
export interface VhcaAbilities {
  readonly vhcaId: number;
  /** Final images come in chunks. */
  readonly chunkMode: boolean;
  /** QUERY tells the migration state. */
  readonly reportsState: boolean;
  readonly logsPages: boolean;
}

export class Mlx5VfDevice {
  readonly core: VfioPciCoreDevice;
  readonly card: Mlx5Core;
  readonly parent: Parent<Mlx5Interactions>;
  readonly abilities: VhcaAbilities;
  readonly commands: VhcaCommands;
  readonly tracker: PageTracker;
  /** Held for every change of state; lock order: state mutex, then a file's lock. */
  readonly stateMutex: Mutex;
  state: MigState = MIG_STATE.RUNNING;
  saving: SaveSession | undefined;
  resuming: ResumeSession | undefined;
  /** mdev_detach: the PF took the VF out of service. */
  detached = false;
  /** A reset that found the state mutex taken: whoever holds it carries it out. */
  deferredReset = false;

  constructor(core: VfioPciCoreDevice, card: Mlx5Core, parent: Parent<Mlx5Interactions>, abilities: VhcaAbilities) {
    this.core = core;
    this.card = card;
    this.parent = parent;
    this.abilities = abilities;
    this.stateMutex = new Mutex('state_mutex', core.pdev.scheduler);
    this.commands = new VhcaCommands(this);
    this.tracker = new PageTracker(this);
  }

  /** An allocation fails that has to be answered with ENOMEM. */
  noMemory(): boolean {
    return this.core.pdev.faults.allocation.fails();
  }

  /** 0 while the PF serves the VF; asked before every command. */
  attached(): number {
    return SAFEGUARDS.PARENT_ATTACHED.holds(this.detached, undefined) ? 0 : -ERRNO.ENOTCONN;
  }

  /** mlx5vf_state_mutex_unlock: every unlock carries out the resets that came meanwhile. */
  unlock(): Task<void> {
    if (this.deferredReset) return this.unlockAfterReset();
    this.stateMutex.unlock();
    return DONE;
  }

  private *unlockAfterReset(): Task<void> {
    while (this.deferredReset) {
      this.deferredReset = false;
      this.state = MIG_STATE.RUNNING;
      yield* this.endSessions();
    }
    this.stateMutex.unlock();
  }

  /** mlx5vf_pci_aer_reset_done. A task if there is work that may sleep; undefined if somebody else will do it. */
  resetDone(): Task<void> | undefined {
    // The flag comes before the attempt: the holder looks at it when it unlocks.
    this.deferredReset = true;
    return this.stateMutex.tryLock() ? this.unlock() : undefined;
  }

  /** mlx5vf_disable_fds: both sessions end, their files answer ENODEV. The caller holds the state mutex. */
  *endSessions(): Task<void> {
    const { resuming, saving } = this;
    if (resuming !== undefined) {
      yield* resuming.end();
      this.resuming = undefined;
    }
    if (saving !== undefined) {
      yield* saving.end();
      this.saving = undefined;
    }
  }

  /** mlx5vf_cmd_close_migratable. */
  *close(): Task<void> {
    // Outside the lock, so that a report that waits for the card lets go of it.
    this.tracker.fail();
    yield* this.stateMutex.lock();
    yield* this.endSessions();
    yield* this.tracker.release();
    yield* this.unlock();
  }

  /** mlx5fv_vf_event: the PF takes the VF out of service, or back. */
  *vfEvent(event: 'enable' | 'disable'): Task<void> {
    if (event === 'disable') yield* this.close();
    yield* this.stateMutex.lock();
    this.detached = event === 'disable';
    yield* this.unlock();
  }
}
