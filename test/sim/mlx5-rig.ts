/** A card on a bare machine, and just enough of a PF driver to give it commands: memory, an IOMMU domain, registers. */
import { ENTRY, ENTRY_TYPE_PCI } from '../../sim/devices/mlx5/command-queue.ts';
import { LOAD_IN } from '../../sim/devices/mlx5/commands/load-vhca.ts';
import { CREATE_MKEY_IN, MKEY_ACCESS } from '../../sim/devices/mlx5/commands/mkey.ts';
import { CMD_OP } from '../../sim/devices/mlx5/commands/opcodes.ts';
import { INCREMENTAL, QUERY_OUT, SAVE_IN, SAVE_OUT, SET_TRACK } from '../../sim/devices/mlx5/commands/save-vhca.ts';
import { SRIOV_AT } from '../../sim/devices/mlx5/description.ts';
import { type ModelOptions, mlx5Models, mlx5Slot, type PfModel } from '../../sim/devices/mlx5/index.ts';
import { ISEG } from '../../sim/devices/mlx5/init-segment.ts';
import { setU64 } from '../../sim/devices/mlx5/u64.ts';
import { Hardware } from '../../sim/hardware.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import { COMMAND, PCI, SRIOV, SRIOV_CTRL } from '../../sim/pci/registers.ts';

/** Memory somebody allocated and mapped: where the device and where the test finds it. */
export interface Mapped {
  readonly iova: number;
  readonly physical: number;
  readonly length: number;
}

export interface Answer {
  readonly status: number;
  readonly syndrome: number;
  readonly delivery: number;
  readonly out: DataView;
}

export const swap = (value: number): number => new DataView(new Uint32Array([value]).buffer).getUint32(0, false) >>> 0;

export class Rig {
  readonly hardware: Hardware;
  readonly pf: PciFunction;
  readonly model: PfModel;
  readonly domain = new Domain('paging', 'pf');
  readonly commandInterrupts: number[] = [];
  private nextIova = 0x10_0000;
  private images: number | undefined;
  private readonly queue: Mapped;
  private readonly input: Mapped;
  private readonly output: Mapped;

  constructor(options: ModelOptions = {}, vfs = 2) {
    const description = {
      name: 'card',
      iommu: { aperture: [0, 2 ** 48 - 1] as const, pageSizes: [4096] },
      root: [{ kind: 'root-port' as const, devfn: '01.0', ariForwarding: true, below: [mlx5Slot()] }],
    };
    this.hardware = new Hardware(description, mlx5Models(options));
    this.pf = this.hardware.functions.find((fn) => fn.template.description.device === 0x101d)!;
    this.model = this.pf.model as PfModel;
    this.hardware.fabric.iommu.attach(this.pf.aliasId, this.domain);
    this.queue = this.allocate(0x1000);
    this.input = this.allocate(0x4000);
    this.output = this.allocate(0x2000);
    this.bringUp();
    this.enableVfs(vfs);
  }

  /** FLR of the PF, and what a driver does after it. */
  resetPf(): void {
    const bars = [PCI.BASE_ADDRESS_0, PCI.BASE_ADDRESS_0 + 4].map((at) => this.pf.configRead(at, 4));
    this.pf.reset('flr');
    bars.forEach((bar, i) => {
      this.pf.configWrite(PCI.BASE_ADDRESS_0 + 4 * i, 4, bar);
    });
    this.pf.configWrite(PCI.COMMAND, 2, COMMAND.MEMORY);
    this.images = undefined;
    this.bringUp();
  }

  /** Bus mastering, and where the command queue is. */
  private bringUp(): void {
    this.master(this.pf);
    this.pf.write(0, ISEG.CMDQ_ADDR_H, 4, swap(Math.floor(this.queue.iova / 2 ** 32)));
    this.pf.write(0, ISEG.CMDQ_ADDR_L_SZ, 4, swap(this.queue.iova >>> 0));
  }

  master(fn: PciFunction): void {
    fn.configWrite(PCI.COMMAND, 2, fn.configRead(PCI.COMMAND, 2) | COMMAND.MASTER);
  }

  enableVfs(count: number): void {
    this.pf.configWrite(SRIOV_AT + SRIOV.CTRL, 2, 0);
    this.pf.configWrite(SRIOV_AT + SRIOV.NUM_VF, 2, count);
    this.pf.configWrite(SRIOV_AT + SRIOV.CTRL, 2, SRIOV_CTRL.VFE | SRIOV_CTRL.MSE);
  }

  disableVfs(): void {
    this.pf.configWrite(SRIOV_AT + SRIOV.CTRL, 2, 0);
  }

  vf(index: number): PciFunction {
    return this.pf.virtuals[index]!;
  }

  allocate(length: number): Mapped {
    const extent = this.hardware.memory.allocate('host', length);
    const iova = this.nextIova;
    this.nextIova += extent.length + PAGE_SIZE;
    this.domain.map({ start: iova, length: extent.length, physical: extent.start, read: true, write: true });
    return { iova, physical: extent.start, length: extent.length };
  }

  bytes(memory: Mapped, offset: number, length: number): Uint8Array<ArrayBuffer> {
    const into = new Uint8Array(length);
    if (!this.hardware.memory.read(memory.physical + offset, into)) throw new Error('not memory');
    return into;
  }

  poke(memory: Mapped, offset: number, bytes: Uint8Array): void {
    if (!this.hardware.memory.write(memory.physical + offset, bytes)) throw new Error('not memory');
  }

  /** Puts a command into entry `slot` and rings; does not wait. */
  post(opcode: number, input: DataView, outlen = 16, opMod = 0, slot = 0): void {
    input.setUint16(0, opcode);
    if (opMod !== 0) input.setUint16(6, opMod);
    const bytes = new Uint8Array(input.buffer);
    if (bytes.length > 16) this.poke(this.input, 0, bytes.subarray(16));
    const entry = new DataView(new ArrayBuffer(ENTRY.SIZE));
    entry.setUint8(ENTRY.TYPE, ENTRY_TYPE_PCI);
    entry.setUint32(ENTRY.INLEN, bytes.length);
    setU64(entry, ENTRY.IN_PTR, this.input.iova);
    new Uint8Array(entry.buffer).set(bytes.subarray(0, 16), ENTRY.IN);
    setU64(entry, ENTRY.OUT_PTR, this.output.iova);
    entry.setUint32(ENTRY.OUTLEN, outlen);
    entry.setUint8(ENTRY.STATUS_OWN, 1);
    this.poke(this.queue, slot * ENTRY.SIZE, new Uint8Array(entry.buffer));
    this.pf.write(0, ISEG.CMD_DBELL, 4, swap((1 << slot) >>> 0));
  }

  pending(slot = 0): boolean {
    return (this.bytes(this.queue, slot * ENTRY.SIZE + ENTRY.STATUS_OWN, 1)[0]! & 1) !== 0;
  }

  answer(outlen = 16, slot = 0): Answer {
    while (this.pending(slot)) if (!this.hardware.scheduler.step()) throw new Error('the command never completes');
    const entry = this.bytes(this.queue, slot * ENTRY.SIZE, ENTRY.SIZE);
    const out = new Uint8Array(outlen);
    out.set(entry.subarray(ENTRY.OUT, ENTRY.OUT + Math.min(16, outlen)));
    if (outlen > 16) out.set(this.bytes(this.output, 0, outlen - 16), 16);
    const view = new DataView(out.buffer);
    const delivery = entry[ENTRY.STATUS_OWN]! >> 1;
    return { status: view.getUint8(0), syndrome: view.getUint32(4), delivery, out: view };
  }

  command(opcode: number, input: DataView, outlen = 16, opMod = 0): Answer {
    this.post(opcode, input, outlen, opMod);
    return this.answer(outlen);
  }

  /** A command whose input is one word at 8. */
  word(opcode: number, word: number, opMod = 0, outlen = 16): Answer {
    const input = new DataView(new ArrayBuffer(16));
    input.setUint32(8, word);
    return this.command(opcode, input, outlen, opMod);
  }

  vhca(vf: number): number {
    const input = new DataView(new ArrayBuffer(16));
    input.setUint32(8, (0x8000_0000 | (vf + 1)) >>> 0);
    return this.command(CMD_OP.QUERY_HCA_CAP, input, 0x1010, 0x01).out.getUint16(0x16);
  }

  suspend(vf: number, opMod: number): number {
    return this.word(CMD_OP.SUSPEND_VHCA, this.vhca(vf), opMod).status;
  }

  resume(vf: number, opMod: number): number {
    return this.word(CMD_OP.RESUME_VHCA, this.vhca(vf), opMod).status;
  }

  stop(vf: number): void {
    if (this.suspend(vf, 0) !== 0 || this.suspend(vf, 1) !== 0) throw new Error('cannot stop');
  }

  run(vf: number): void {
    if (this.resume(vf, 0) !== 0 || this.resume(vf, 1) !== 0) throw new Error('cannot run');
  }

  pd(): number {
    return this.word(CMD_OP.ALLOC_PD, 0).out.getUint32(8);
  }

  /** Memory key over fresh pages, from virtual address 0. */
  mkey(
    length: number,
    pd = this.pd(),
    access: number = MKEY_ACCESS.LR | MKEY_ACCESS.LW,
  ): { key: number; memory: Mapped } {
    const memory = this.allocate(length);
    const pages = memory.length / PAGE_SIZE;
    const octwords = Math.ceil(pages / 2);
    const input = new DataView(new ArrayBuffer(CREATE_MKEY_IN.KLM_PAS_MTT + 16 * octwords));
    input.setUint32(CREATE_MKEY_IN.ACCESS, MKEY_ACCESS.MTT | access);
    input.setUint32(CREATE_MKEY_IN.PD, pd);
    setU64(input, CREATE_MKEY_IN.LEN, memory.length);
    input.setUint32(CREATE_MKEY_IN.LOG_PAGE_SIZE, 12);
    input.setUint32(CREATE_MKEY_IN.TRANSLATIONS_OCTWORD_ACTUAL_SIZE, octwords);
    for (let i = 0; i < pages; i++) setU64(input, CREATE_MKEY_IN.KLM_PAS_MTT + 8 * i, memory.iova + i * PAGE_SIZE);
    const { status, out } = this.command(CMD_OP.CREATE_MKEY, input);
    if (status !== 0) throw new Error('no mkey');
    return { key: out.getUint32(8) * 256, memory };
  }

  query(
    vf: number,
    incremental = false,
    flags = 0,
  ): { status: number; state: number; required: number; total: number } {
    const word = ((incremental ? INCREMENTAL : 0) | flags | this.vhca(vf)) >>> 0;
    const { status, out } = this.word(CMD_OP.QUERY_VHCA_MIGRATION_STATE, word, 0, QUERY_OUT.SIZE);
    return {
      status,
      state: out.getUint32(QUERY_OUT.MIGRATION_STATE) >>> 28,
      required: out.getUint32(QUERY_OUT.REQUIRED_UMEM_SIZE),
      total: out.getUint32(QUERY_OUT.REMAINING_TOTAL_SIZE + 4),
    };
  }

  saveInput(vf: number, options: { incremental?: boolean; track?: boolean }, key: number, size: number): DataView {
    const input = new DataView(new ArrayBuffer(SAVE_IN.SIZE));
    const flags = (options.incremental ? INCREMENTAL : 0) | (options.track ? SET_TRACK : 0);
    input.setUint32(SAVE_IN.FLAGS, (flags | this.vhca(vf)) >>> 0);
    input.setUint32(SAVE_IN.MKEY, key);
    input.setUint32(SAVE_IN.BYTES, size);
    return input;
  }

  /** Saves into a fresh buffer: the image, or the status it failed with. */
  save(
    vf: number,
    options: { incremental?: boolean; track?: boolean; size?: number } = {},
  ): { status: number; image: Uint8Array<ArrayBuffer>; next: number } {
    const { key, memory } = this.buffer(options.size ?? 0x2_0000);
    const { status, out } = this.command(
      CMD_OP.SAVE_VHCA_STATE,
      this.saveInput(vf, options, key, options.size ?? memory.length),
    );
    const image = this.bytes(memory, 0, out.getUint32(SAVE_OUT.ACTUAL_IMAGE_SIZE));
    this.word(CMD_OP.DESTROY_MKEY, key >>> 8);
    return { status, image, next: out.getUint32(SAVE_OUT.NEXT_REQUIRED_UMEM_SIZE) };
  }

  load(vf: number, image: Uint8Array): Answer {
    const { key, memory } = this.buffer(Math.max(image.length, 1));
    this.poke(memory, 0, image);
    const input = new DataView(new ArrayBuffer(LOAD_IN.SIZE));
    input.setUint16(LOAD_IN.VHCA_ID, this.vhca(vf));
    input.setUint32(LOAD_IN.MKEY, key);
    input.setUint32(LOAD_IN.BYTES, image.length);
    const answer = this.command(CMD_OP.LOAD_VHCA_STATE, input);
    this.word(CMD_OP.DESTROY_MKEY, key >>> 8);
    return answer;
  }

  /** An mkey in the protection domain that all images share. */
  private buffer(length: number): { key: number; memory: Mapped } {
    this.images ??= this.pd();
    return this.mkey(length, this.images);
  }
}
