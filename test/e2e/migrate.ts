/** What a VM monitor does to move a VF that works: memory by dirty logging, the device by pre-copy, in chunks of any size. */
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import type { Guest } from './guest.ts';
import { PAGE, RAM, RAM_AT, RAM_PAGES, type Vm } from './site.ts';

const { RUNNING, STOP_COPY, RESUMING, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;
export const ENOMSG = -42;

/** How one migration goes. */
export interface Plan {
  /** Bytes of a read and of a write, used in turn. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** In each pre-copy round: jobs posted, and turns the machine gets after each. */
  readonly rounds: readonly { readonly jobs: number; readonly turns: number }[];
  /** Whether PRE_COPY_P2P is held for a while, with doorbells coming in. */
  readonly p2p: boolean;
}

export class Migration {
  readonly source: Vm;
  readonly target: Vm;
  readonly guest: Guest;
  /** Pages of which the target still has an old copy. */
  private readonly stale = new Set<number>();
  private readonly stream: Uint8Array[] = [];
  private readonly plan: Plan;
  readonly wrong: string[] = [];

  constructor(guest: Guest, target: Vm, plan: Plan) {
    this.guest = guest;
    this.source = guest.vm;
    this.target = target;
    this.plan = plan;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.stream);
  }

  /** Saves the running device, then the stopped one. The guest runs until the end. */
  save(): void {
    const { guest, plan } = this;
    const { device } = this.source;
    this.expect('start logging', device.startLogging(RAM_AT, RAM, PAGE), PAGE);
    for (let page = 0; page < RAM_PAGES; page++) this.copy(page);
    guest.dirtied.clear();
    const answer = device.setState(PRE_COPY);
    this.expect('PRE_COPY', answer.result, 0);
    for (const { jobs, turns } of plan.rounds) {
      this.work(jobs, turns);
      this.expect('precopy info', device.precopyInfo(answer.dataFd).result, 0);
      this.expect('the temporary end', this.pull(answer.dataFd), ENOMSG);
      this.collect();
      this.copyStale();
    }
    if (plan.p2p) {
      this.expect('PRE_COPY_P2P', device.setState(PRE_COPY_P2P).result, 0);
      this.work(4, 3);
      this.expect('the end in PRE_COPY_P2P', this.pull(answer.dataFd), ENOMSG);
    }
    this.work(3, 0);
    const stopped = device.setState(STOP_COPY);
    this.expect('STOP_COPY', stopped.result, 0);
    this.expect('no second file', stopped.dataFd, -1);
    this.expect('the end', this.pull(answer.dataFd), 0);
    this.collect();
    for (let page = 0; page < RAM_PAGES; page++)
      if (!this.stale.has(page) && this.differs(page)) this.wrong.push(`page ${page} changed and is not reported`);
    this.copyStale();
    this.expect('stop logging', device.stopLogging(), 0);
  }

  /** Loads all of it into the target, which then runs. */
  load(): void {
    const { device } = this.target;
    const answer = device.setState(RESUMING);
    this.expect('RESUMING', answer.result, 0);
    const stream = this.bytes;
    for (let at = 0, i = 0; at < stream.length; i++) {
      const part = stream.subarray(at, at + this.plan.writes[i % this.plan.writes.length]!);
      this.expect(`the write at ${at}`, this.target.write(answer.dataFd, part), part.length);
      at += part.length;
      if (this.wrong.length > 0) return;
    }
    this.expect('RUNNING', device.setState(RUNNING).result, 0);
    this.guest.vm = this.target;
  }

  private work(jobs: number, turns: number): void {
    for (let i = 0; i < jobs; i++) {
      this.guest.post(i % 2);
      this.guest.note(this.guest.posted[0]! * 5 + i);
      this.source.site.turn(turns);
      this.guest.poll();
    }
  }

  /** Reads what is there; what ended it. */
  private pull(fd: number): number {
    const { reads } = this.plan;
    for (let i = 0; ; i++) {
      const part = this.source.read(fd, reads[i % reads.length]!);
      if (typeof part === 'number') return part;
      if (part.length === 0) return 0;
      this.stream.push(part);
    }
  }

  /** Adds what device and guest wrote since the last time. */
  private collect(): void {
    const bitmap = this.source.device.reportLogging(RAM_AT, RAM);
    if (typeof bitmap === 'number') return this.expect('report', bitmap, 0);
    for (let page = 0; page < RAM_PAGES; page++) if (bitmap[page >> 3]! & (1 << (page & 7))) this.stale.add(page);
    for (const page of this.guest.dirtied) this.stale.add(page);
    this.guest.dirtied.clear();
  }

  private copyStale(): void {
    for (const page of this.stale) this.copy(page);
    this.stale.clear();
  }

  private copy(page: number): void {
    this.target.poke(page * PAGE, this.source.peek(page * PAGE, PAGE));
  }

  private differs(page: number): boolean {
    return Buffer.compare(this.target.peek(page * PAGE, PAGE), this.source.peek(page * PAGE, PAGE)) !== 0;
  }

  private expect(what: string, is: number, must: number): void {
    if (is !== must) this.wrong.push(`${what}: ${is} instead of ${must}`);
  }
}
