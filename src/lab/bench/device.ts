/** A device that a tenant plays with: opened by whatever way, its memory requests made by the lab. */
import type { PciFunction } from '../../../sim/pci/function.ts';
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import { DeviceClient } from '../../client/device.ts';
import type { Scratch } from '../../client/scratch.ts';
import type { Process } from '../../kernel/process.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import type { Assigned } from '../profiles/profile.ts';
import type { Probe } from './machine.ts';

export class BenchDevice {
  readonly name: string;
  readonly cdev: string;
  readonly group: number;
  readonly fn: PciFunction;
  /** Its descriptor, while it is open. */
  fd: number | undefined;
  /** Its number in an iommufd, while it is bound. */
  id = 0;

  constructor({ name, cdev, group, fn }: Assigned) {
    this.name = name;
    this.cdev = cdev;
    this.group = Number(group);
    this.fn = fn!;
  }

  /** Switches its memory requests on, as a driver of the user would. */
  start(process: Process, scratch: Scratch): void {
    new DeviceClient(process, this.fd!, scratch).write(
      PCI_REGION.CONFIG,
      PCI.COMMAND,
      2,
      COMMAND.MEMORY | COMMAND.MASTER,
    );
  }

  read(iova: number, into: Uint8Array): boolean {
    return (this.fn.model as Probe).ports.dma.read(iova, into);
  }

  write(iova: number, bytes: Uint8Array): boolean {
    return (this.fn.model as Probe).ports.dma.write(iova, bytes);
  }
}
