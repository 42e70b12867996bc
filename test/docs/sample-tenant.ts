/** A tenant of a tally device under the sample variant. */
import { TALLY } from '../../sim/devices/sample/model.ts';
import { sampleMachine } from '../../sim/machines/sample.ts';
import { ContainerClient, type DeviceClient } from '../../src/client/index.ts';
import { Machine } from '../../src/machine/machine.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { sample } from '../../variants/sample/index.ts';

const { STOP_COPY, RESUMING } = MIG_STATE;
const BUFFER = 4096;

/** A tenant with one tally device open. */
export class Tenant {
  readonly client: ContainerClient;
  readonly device: DeviceClient;
  readonly buffer: number;

  constructor(machine: Machine, bdf: string) {
    const { bus } = machine.kernel;
    const pdev = bus.devices.get(bdf)!;
    pdev.driverOverride = 'sample-vfio-pci';
    machine.kernel.run(bus.autoprobe(pdev));
    const process = machine.process(`tenant of ${bdf}`);
    this.client = new ContainerClient(process);
    this.device = this.client.openDevice(this.client.addGroup(pdev.group!.id), bdf) as DeviceClient;
    this.buffer = process.memory.allocate(BUFFER);
  }

  register(offset: number): number {
    return this.device.read(0, offset, 4);
  }
  tick(times: number): void {
    for (let i = 0; i < times; i++) this.device.write(0, TALLY.TICK, 4, 1);
  }
  /** What a device with this limit and count saves. */
  save(): Uint8Array {
    const { process } = this.client;
    const { dataFd } = this.device.setState(STOP_COPY);
    const count = process.read(dataFd, this.buffer, BUFFER);
    return process.memory.read(this.buffer, count)!;
  }
  /** Writes a stream in pieces; the first errno, or 0. */
  write(dataFd: number, stream: Uint8Array, pieceSize = stream.length): number {
    const { process } = this.client;
    process.memory.write(this.buffer, stream);
    for (let at = 0; at < stream.length; at += pieceSize) {
      const result = process.write(dataFd, this.buffer + at, Math.min(pieceSize, stream.length - at));
      if (result < 0) return result;
    }
    return 0;
  }
  load(stream: Uint8Array, pieceSize?: number): number {
    return this.write(this.device.setState(RESUMING).dataFd, stream, pieceSize);
  }
}

export const boot = (): Machine => new Machine(sampleMachine, { variants: [sample] });
export const [FIRST, SECOND] = ['0000:01:00.0', '0000:02:00.0'];

/** A stream of a device that counts to 10 and stands at 3. */
export function streamAt3(): Uint8Array {
  const source = new Tenant(boot(), FIRST);
  source.device.write(0, TALLY.LIMIT, 4, 10);
  source.tick(3);
  return source.save();
}
