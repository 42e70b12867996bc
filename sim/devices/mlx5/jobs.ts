/** What each job does. Table by opcode; the result is the status of its completion. */
import { bytesOf, zeroedBytes, zeroedView } from '../../bytes.ts';
import { checksum } from './checksum.ts';
import { JOB_MAX, JOB_OP, type Job } from './job.ts';
import type { VfDma } from './vf-dma.ts';
import { ICM_PAGE, JOB_STATUS } from './vf-registers.ts';
import type { VfState } from './vf-state.ts';

type Run = (job: Job, state: VfState, dma: VfDma) => number;

const RUN: Readonly<Record<number, Run>> = {
  [JOB_OP.NOP]: () => JOB_STATUS.OK,

  [JOB_OP.COPY](job, _state, dma) {
    const bytes = zeroedBytes(job.length);
    return dma.read(job.src, bytes) && dma.write(job.dst, bytes) ? JOB_STATUS.OK : JOB_STATUS.DMA;
  },

  [JOB_OP.FILL](job, _state, dma) {
    const bytes = zeroedBytes(job.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = job.srcLow >>> (8 * (i & 3));
    return dma.write(job.dst, bytes) ? JOB_STATUS.OK : JOB_STATUS.DMA;
  },

  [JOB_OP.READ_CHECKSUM](job, state, dma) {
    const bytes = zeroedBytes(job.length);
    if (!dma.read(job.src, bytes)) return JOB_STATUS.DMA;
    const sum = checksum(bytes, 0, bytes.length);
    const result = zeroedView(8);
    result.setUint32(0, sum, true);
    result.setUint32(4, Math.imul(sum ^ state.key[0]!, 0x85ebca6b) ^ state.key[1]!, true);
    return dma.write(job.dst, bytesOf(result)) ? JOB_STATUS.OK : JOB_STATUS.DMA;
  },

  [JOB_OP.STORE](job, state, dma) {
    if (job.dst + job.length > state.icm.size) return JOB_STATUS.BAD_JOB;
    const bytes = zeroedBytes(job.length);
    if (!dma.read(job.src, bytes)) return JOB_STATUS.DMA;
    writeIcm(state, job.dst, bytes);
    return JOB_STATUS.OK;
  },

  [JOB_OP.LOAD](job, state, dma) {
    if (job.src + job.length > state.icm.size) return JOB_STATUS.BAD_JOB;
    const bytes = zeroedBytes(job.length);
    state.icm.read(job.src, bytes);
    return dma.write(job.dst, bytes) ? JOB_STATUS.OK : JOB_STATUS.DMA;
  },
};

export function runJob(job: Job, state: VfState, dma: VfDma): number {
  const run = RUN[job.opcode];
  return run === undefined || job.length > JOB_MAX ? JOB_STATUS.BAD_JOB : run(job, state, dma);
}

/** The one way device memory changes while the VF runs: keeps account of the pages. */
export function writeIcm(state: VfState, offset: number, bytes: Uint8Array): void {
  state.icm.write(offset, bytes);
  if (state.changes === undefined) return;
  const last = Math.floor((offset + bytes.length - 1) / ICM_PAGE);
  for (let page = Math.floor(offset / ICM_PAGE); page <= last; page++) state.changes.pages.add(page);
}
