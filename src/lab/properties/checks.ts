/** The checks of one world, each by its name for those who tell it what they did. */
import type { World } from '../world.ts';
import { ConfigSpaceConfinement } from './config-space-confinement.ts';
import { DirtyTrackingSoundness } from './dirty-tracking-soundness.ts';
import { DmaConfinement } from './dma-confinement.ts';
import { FdLifetime } from './fd-lifetime.ts';
import { FsmLegality } from './fsm-legality.ts';
import { InterruptConfinement } from './interrupt-confinement.ts';
import { ParentInteractionScope } from './parent-interaction-scope.ts';
import type { Check } from './property.ts';
import { ResetAndLiveness } from './reset-and-liveness.ts';
import { ResidualData } from './residual-data.ts';
import { ResourceBound } from './resource-bound.ts';
import { SaveLoadRoundTrip } from './save-load-round-trip.ts';
import { StreamRobustness } from './stream-robustness.ts';

export class Checks {
  readonly dma: DmaConfinement;
  readonly interrupts: InterruptConfinement;
  readonly config: ConfigSpaceConfinement;
  readonly descriptors: FdLifetime;
  readonly parent: ParentInteractionScope;
  readonly fsm: FsmLegality;
  readonly streams: StreamRobustness;
  readonly roundTrip: SaveLoadRoundTrip;
  readonly dirty: DirtyTrackingSoundness;
  readonly residue: ResidualData;
  readonly resources: ResourceBound;
  readonly liveness: ResetAndLiveness;
  /** All of them, in the order in which they judge. */
  readonly all: readonly Check[];
  /** Those that look after each call. */
  readonly ofCalls: readonly Required<Pick<Check, 'after'>>[];

  constructor(world: World) {
    this.dma = new DmaConfinement(world);
    this.interrupts = new InterruptConfinement(world);
    this.config = new ConfigSpaceConfinement(world);
    this.descriptors = new FdLifetime(world);
    this.parent = new ParentInteractionScope(world);
    this.fsm = new FsmLegality(world);
    this.streams = new StreamRobustness(world);
    this.roundTrip = new SaveLoadRoundTrip(world);
    this.dirty = new DirtyTrackingSoundness(world);
    this.residue = new ResidualData(world);
    this.resources = new ResourceBound(world);
    this.liveness = new ResetAndLiveness(world);
    this.all = Object.values(this).filter((check): check is Check => check !== undefined);
    this.ofCalls = this.all.filter(
      (check): check is Check & Required<Pick<Check, 'after'>> => check.after !== undefined,
    );
  }
}
