/**
 * The card's firmware: carries out commands on its objects and on the VFs. It trusts nobody: ids, order, lengths and
 * images are checked here, whatever the driver checked before.
 */
import type { DevicePorts } from '../../pci/model.ts';
import { SRIOV, SRIOV_CTRL } from '../../pci/registers.ts';
import { type Command, type CommandKind, type Deferred, MBOX_IN, MBOX_OUT, type Outcome } from './command.ts';
import { COMMANDS } from './commands/table.ts';
import { SRIOV_AT, TOTAL_VFS } from './description.ts';
import type { Mkey } from './mkey.ts';
import { Objects } from './objects.ts';
import type { Settings } from './options.ts';
import { type Partitions, PF_PARTITION } from './partitions.ts';
import { injected, REFUSAL } from './refusal.ts';
import { Vhca } from './vhca.ts';

/** A command that no correct driver gives. */
export interface IllegalCommand {
  readonly opcode: number;
  readonly vhca: number | undefined;
  readonly reason: string;
}

/** vhca_id of VF 0. Neither index nor function_id, so that mixing them up shows. */
const FIRST_VHCA = 0x20;
/** Longest log of illegal commands. */
const LOG_MAX = 1000;

export class Firmware {
  readonly ports: DevicePorts;
  readonly settings: Settings;
  readonly partitions: Partitions;
  readonly objects: Objects;
  readonly illegal: IllegalCommand[] = [];
  /** Asynchronous events nobody has read: see the register ASYNC_EVENT. */
  readonly events: { type: number; number: number }[] = [];
  private readonly vhcas: (Vhca | undefined)[] = new Array(TOTAL_VFS).fill(undefined);

  constructor(ports: DevicePorts, settings: Settings, partitions: Partitions) {
    this.ports = ports;
    this.settings = settings;
    this.partitions = partitions;
    this.objects = new Objects(settings.limits);
  }

  /** A VF was made; an earlier one of that number is no more. Disabling SR-IOV and enabling it again may keep it. */
  attach(index: number): Vhca {
    const vhca = new Vhca(FIRST_VHCA + index, index);
    this.vhcas[index] = vhca;
    return vhca;
  }

  /** Is it still the VF of its number, and are VFs enabled that far? */
  present(vhca: Vhca): boolean {
    const { config } = this.ports;
    return (
      this.vhcas[vhca.index] === vhca &&
      (config.read(SRIOV_AT + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) !== 0 &&
      vhca.index < config.read(SRIOV_AT + SRIOV.NUM_VF, 2)
    );
  }

  /** VFs there are now. */
  presentVhcas(): Vhca[] {
    return this.vhcas.filter((vhca): vhca is Vhca => vhca !== undefined && this.present(vhca));
  }

  vhcaById(id: number): Vhca | undefined {
    const vhca = this.vhcas[id - FIRST_VHCA];
    return vhca !== undefined && this.present(vhca) ? vhca : undefined;
  }

  /** function_id 0 is the PF itself, 1 the first VF. */
  vhcaByFunction(functionId: number): Vhca | undefined {
    return this.vhcaById(FIRST_VHCA + functionId - 1);
  }

  mkey(key: number): Mkey | undefined {
    const mkey = this.objects.mkey.get(key >>> 8);
    return mkey?.key === key ? mkey : undefined;
  }

  /** Tracking contexts in use by all VFs. */
  savesTracked(): number {
    return this.presentVhcas().reduce((sum, vhca) => sum + vhca.tracked, 0);
  }

  /** The PF's own state changed. */
  touch(what: string): void {
    this.partitions.touch(PF_PARTITION, what);
  }

  /** State of a VF changed. */
  touchVhca(vhca: Vhca, what: string): void {
    this.partitions.touch(vhca.partition, what);
  }

  /** Executes a command; `done` is called once its output is complete. */
  execute(command: Command, done: () => void): void {
    const kind = COMMANDS.get(command.opcode);
    const reply = this.start(kind, command);
    if (reply === undefined || !('finish' in reply)) {
      this.conclude(command, reply);
      done();
      return;
    }
    this.ports.later(reply.delay, () => {
      this.conclude(command, reply.finish());
      done();
    });
  }

  /** What a PF reset leaves: no object, no session. The VFs themselves may be enabled again, and are still known. */
  reset(): void {
    this.objects.clear();
    this.events.length = 0;
    for (const vhca of this.vhcas) {
      if (vhca === undefined) continue;
      vhca.reset();
      // The commands and objects that held these are gone with the PF.
      vhca.saving = false;
      vhca.tracker = undefined;
    }
  }

  /** The checks that all commands share. */
  check(kind: CommandKind | undefined, command: Command): Outcome {
    if (kind === undefined) return REFUSAL.UNKNOWN_OPCODE;
    if (command.in.byteLength < kind.inlen) return REFUSAL.SHORT_INPUT;
    if (command.out.byteLength < kind.outlen) return REFUSAL.SHORT_OUTPUT;
    if (command.in.getUint16(MBOX_IN.UID) !== 0) return REFUSAL.FOREIGN_UID;
    return command.opMod > (kind.opMods ?? 0) ? REFUSAL.UNKNOWN_OP_MOD : undefined;
  }

  private start(kind: CommandKind | undefined, command: Command): Outcome | Deferred {
    const refusal = this.check(kind, command);
    if (refusal !== undefined) return refusal;
    const status = this.settings.failNext?.(command.opcode);
    if (status === undefined) return kind!.run(this, command);
    return kind!.slow ? { delay: this.settings.saveDelay, finish: () => injected(status) } : injected(status);
  }

  private conclude(command: Command, refusal: Outcome): void {
    if (refusal === undefined) return;
    command.out.setUint8(MBOX_OUT.STATUS, refusal.status);
    command.out.setUint32(MBOX_OUT.SYNDROME, refusal.syndrome);
    if (refusal.illegal) this.logIllegal(command.opcode, command.vhca, refusal.reason);
  }

  logIllegal(opcode: number, vhca: number | undefined, reason: string): void {
    if (this.illegal.length < LOG_MAX) this.illegal.push({ opcode, vhca, reason });
  }
}
