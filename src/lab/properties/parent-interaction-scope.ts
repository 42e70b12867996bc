/** Parent-interaction scope: a call to the parent on behalf of one VF changes that VF and what it declares. */
import { Buffer } from 'node:buffer';
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { ParentEvent } from '../../variant/interaction.ts';
import { offers } from '../offers.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';
import { RESOURCE_BOUND } from './resource-bound.ts';

export const PARENT_INTERACTION_SCOPE: Property = {
  name: 'parent-interaction scope',
  promise:
    'A call to the parent for one VF changes that VF and what the call declares, comes at a time when the firmware takes it, and leaves nothing behind. A PF and its VFs are for users who share a secret, and the PF stays awake while it has VFs.',
  observes:
    'Every open of a function that needs a secret, and the power of a PF after each call; with a parent, every interaction as it is entered and left, every change of a partition of the device model meanwhile, commands that the firmware refused, and what the parent holds when no session runs and when everybody has left.',
  allows: [
    'what a VF does by itself: its engine, its own registers, its reset',
    'resources that an injected failure of the firmware leaves with it',
    'a command that comes again because the state change it was part of failed: half of it was done (mlx5vf_pci_set_device_state has no undo)',
    'a reset beside a state change that confuses the device it resets, as on real hardware',
    'a session that begins while the parent goes out of service (mlx5fv_vf_event lets go of its lock in between)',
  ],
  needs: ['scope'],
};

const NAME = PARENT_INTERACTION_SCOPE.name;
/** Changes a VF makes to itself. */
const OWN_DOING = new Set(['job', 'register', 'reset']);

interface Call {
  readonly subject: string;
  readonly interaction: string;
  readonly digest: Uint8Array | undefined;
  /** How often the subject had been reset. */
  readonly resets: number;
}

/** Nothing of the parent is held for the tenant: no session, and no log. */
const hasNoSession = ({ state, logging, guestLog, pending, loggingUnknown }: Tenant): boolean =>
  state !== undefined &&
  SESSIONLESS.has(state) &&
  logging === undefined &&
  !guestLog.running &&
  !loggingUnknown &&
  pending === 0;
const SESSIONLESS = new Set<number>([MIG_STATE.RUNNING, MIG_STATE.RUNNING_P2P, MIG_STATE.STOP]);

export class ParentInteractionScope implements Check {
  readonly property = PARENT_INTERACTION_SCOPE;
  private readonly world: World;
  /** Interactions under way, innermost last. */
  private readonly calls: Call[] = [];

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    this.world.inside.onTouch((partition, what) => this.onTouch(partition, what));
    this.world.machine.observers.observer = (event) => this.onParent(event);
  }

  /** A function was opened by a user who does not know its secret. */
  openedWithoutToken({ bdf }: Tenant): void {
    this.world.violate(NAME, `${bdf} is opened without the token`);
  }

  /** A token was set on a function that has none of its own. */
  tokenOfVf({ bdf }: Tenant): void {
    this.world.violate(NAME, `${bdf} takes a token`);
  }

  /** VFs that are in use were made fewer or more. */
  vfsChanged(name: string): void {
    this.world.violate(NAME, `the number of VFs of ${name} changes while there are some`);
  }

  after(tenant: Tenant): void {
    const { fn } = tenant;
    if (this.world.profile.pci === undefined || fn === undefined) return;
    const physical = fn.physical ?? fn;
    if (physical.virtuals.length > 0 && physical.powerState !== 0)
      this.world.violate(NAME, `${physical.name} sleeps while it has VFs`);
  }

  /** A tenant is in a state in which it has no session: the parent must not track for one. */
  withoutSession(tenant: Tenant, state: string): void {
    const { world } = this;
    if (world.excused || world.raced) return;
    if (world.inside.sessions(tenant) > 0) world.violate(NAME, `the parent still tracks for a session in ${state}`);
    if (offers(world, 'parent') && tenant.pending === 0 && world.tenants.every(hasNoSession)) {
      for (const [name, more] of world.checks.resources.resourcesLeft())
        world.violate(RESOURCE_BOUND.name, `${more} ${name} of the parent left in ${state}`);
    }
  }

  judge(): void {
    const { world } = this;
    // Resetting a device beside a state change confuses that device, on real hardware too; nobody else is harmed.
    if (!world.raced) {
      const { hasFailed, excused } = world;
      const neverRefused = hasFailed && excused ? undefined : world.profile.failures?.neverRefused;
      for (const reason of world.inside.illegal())
        if (!(hasFailed || excused) || neverRefused?.has(reason))
          world.violate(NAME, `the firmware had to refuse a command: ${reason}`);
    }
    if (world.excused || !offers(world, 'parent')) return;
    for (const [name, more] of world.checks.resources.resourcesLeft())
      world.violate(NAME, `${more} ${name} of the parent left behind`);
  }

  private onParent(event: ParentEvent): void {
    if (event.phase === 'enter') {
      if (this.world.outOfService && !this.world.outageMet)
        this.world.violate(NAME, `${event.interaction} for ${event.subject}, which its parent does not serve`);
      const tenant = event.interaction === 'load' ? this.subject(event.subject) : undefined;
      const digest = tenant && this.world.inside.digest(tenant).slice();
      this.calls.push({ subject: event.subject, interaction: event.interaction, digest, resets: this.resets(tenant) });
      return;
    }
    const call = this.take(event);
    if (call?.digest === undefined || typeof event.result !== 'number' || event.result >= 0) return;
    const tenant = this.subject(event.subject)!;
    // Its user has reset it meanwhile.
    if (this.resets(tenant) !== call.resets) return;
    const now = this.world.inside.digest(tenant);
    if (Buffer.compare(call.digest, now) !== 0) this.world.checks.streams.refusedImageChanged();
  }

  private resets(tenant: Tenant | undefined): number {
    return tenant?.fn === undefined ? 0 : this.world.resetsOf(tenant.fn);
  }

  private subject(bdf: string): Tenant | undefined {
    return this.world.tenants.find((tenant) => tenant.bdf === bdf);
  }

  /** The call that ends: mostly the one that began last. */
  private take({ subject, interaction }: ParentEvent): Call | undefined {
    const { calls } = this;
    const last = calls.at(-1);
    if (last?.subject === subject && last.interaction === interaction) return calls.pop();
    const at = calls.findLastIndex((call) => call.subject === subject && call.interaction === interaction);
    return at < 0 ? undefined : calls.splice(at, 1)[0];
  }

  /** While an interaction for one VF is under way, no other VF's partition may change. */
  private onTouch(partition: string, what: string): void {
    // What a VF does by itself (its engine, its own registers, its reset) is no effect of a command.
    if (partition === 'pf' || this.calls.length === 0 || OWN_DOING.has(what)) return;
    for (const call of this.calls) {
      const tenant = this.subject(call.subject);
      if (tenant !== undefined && partition === `vf${tenant.fn?.vf}`) return;
    }
    const call = this.calls.at(-1)!;
    this.world.violate(NAME, `${call.interaction} for ${call.subject} changes ${what} of ${partition}`);
  }
}
