/** A device that does nothing but ring: two MSI-X vectors, raised by whoever calls. A user holds it through vfio-pci. */
import { sampleMachine } from '../../sim/machines/sample.ts';
import type { FunctionDescription } from '../../sim/pci/description.ts';
import { type DevicePorts, inert } from '../../sim/pci/model.ts';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { ContainerClient } from '../../src/client/index.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import { PCI_IRQ, PCI_REGION } from '../../src/uapi/vfio.ts';

const BDF = '0000:01:00.0';
const DEVICE = `/sys/bus/pci/devices/${BDF}`;

const DESCRIPTION: FunctionDescription = {
  name: 'bell',
  model: 'bell',
  vendor: 0x1234,
  device: 0xbe11,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  // Two entries at the start of BAR 0, pending bits in its second half.
  capabilities: [{ kind: 'msix', at: 0x40, body: '01000000000000080000' }],
};

export class Bell {
  /** One for each vector. */
  readonly events = [new EventFd(), new EventFd()] as const;
  private ports: DevicePorts | undefined;

  constructor() {
    const machine = new Machine(
      {
        name: 'bell',
        iommu: sampleMachine.iommu,
        root: [{ kind: 'root-port', devfn: '01.0', acs: 0x1d, below: [{ devfn: '00.0', function: DESCRIPTION }] }],
      },
      {
        models: {
          bell: (ports) => {
            this.ports = ports;
            return inert(ports, undefined);
          },
        },
      },
    );
    const process = machine.process('user');
    echo(process, `${DEVICE}/driver_override`, 'vfio-pci');
    echo(process, '/sys/bus/pci/drivers_probe', BDF);
    const group = `${process.readlink(`${DEVICE}/iommu_group`)}`.split('/').at(-1)!;
    const container = new ContainerClient(process);
    const device = container.openDevice(container.addGroup(group), BDF);
    if (typeof device === 'number') throw new Error(`the bell does not open: ${device}`);
    device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
    const fds = this.events.map((event) => process.files.install(event));
    const armed = device.setIrqs(PCI_IRQ.MSIX, 0, fds);
    if (armed < 0) throw new Error(`vectors: ${armed}`);
  }

  /** The device sends a message. */
  ring(vector: number): void {
    this.ports!.interrupts.message(vector);
  }
}

function echo(process: Process, path: string, text: string): void {
  const page = process.memory.allocate(4096);
  process.memory.write(page, Buffer.from(text));
  const fd = process.open(path, { read: false, write: true, nonblock: false });
  const result = fd < 0 ? fd : process.write(fd, page, text.length);
  process.close(fd);
  if (result < 0) throw new Error(`echo ${text} > ${path}: ${result}`);
}
