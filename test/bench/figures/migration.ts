/** A stopped VF's state, from the change to STOP_COPY to the end of the stream, read in pieces. */
import type { VfModel } from '../../../sim/devices/mlx5/index.ts';
import { MIG_STATE } from '../../../src/uapi/vfio.ts';
import { Site } from '../../e2e/site.ts';
import type { Figure } from '../figure.ts';

const PIECE = 0x1_0000;

export function migration(icmBytes: number): Figure {
  const site = new Site(1, { icmBytes });
  const { device, process } = site.vm();
  const { function: fn } = site.machine.kernel.bus.devices.get(site.bdf(0))!;
  (fn.model as VfModel).state.icm.write(0, new Uint8Array(icmBytes).fill(7));
  const address = process.memory.allocate(PIECE);
  device.setState(MIG_STATE.STOP);

  const save = (): number => {
    const { result, dataFd } = device.setState(MIG_STATE.STOP_COPY);
    if (result < 0) throw new Error(`STOP_COPY: ${result}`);
    let bytes = 0;
    for (;;) {
      const count = process.read(dataFd, address, PIECE);
      if (count < 0) throw new Error(`read: ${count}`);
      if (count === 0) break;
      bytes += count;
    }
    process.close(dataFd);
    device.setState(MIG_STATE.STOP);
    return bytes;
  };
  const length = save();
  const source = new Uint8Array(length).fill(7);
  const piece = new Uint8Array(PIECE);
  return {
    name: `migration stream, ${icmBytes >= 2 ** 20 ? `${icmBytes / 2 ** 20} MiB` : `${icmBytes / 1024} KiB`} of device memory`,
    unit: 'GB/s',
    time: 1000,
    subject: { name: 'STOP_COPY and read', amount: length / 1e9, run: () => void save() },
    baseline: {
      name: 'a copy in the same pieces',
      amount: length / 1e9,
      run() {
        for (let at = 0; at < length; at += PIECE) piece.set(source.subarray(at, Math.min(at + PIECE, length)));
      },
    },
  };
}
