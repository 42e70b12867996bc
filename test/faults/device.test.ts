/** The device fd: information, interrupts, resets, exports. A failure below a call leaves nothing behind. */
import { describe, expect, test, vi } from 'vitest';
import { PCI } from '../../sim/pci/registers.ts';
import { setNumber64 } from '../../src/client/container.ts';
import { regionOffset } from '../../src/client/device.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, IRQ_SET, PCI_IRQ, PCI_REGION, VFIO } from '../../src/uapi/vfio.ts';
import { type FaultCase, prove } from './prove.ts';
import { checked, EDU, NVME, opened, PAGE } from './scenes.ts';

vi.mock('../../src/pci-core/atomics.ts', () => ({ atomicCompletion: vi.fn(() => 3) }));

const TRIGGER = IRQ_SET.DATA_EVENTFD | IRQ_SET.ACTION_TRIGGER;
const UNMASK = IRQ_SET.DATA_EVENTFD | IRQ_SET.ACTION_UNMASK;
const ENABLE_MEMORY = 6;

type Opened = ReturnType<typeof opened>;

/** A call of the device fd with words for its argument. */
function words(name: string, command: number, argument: (place: Opened) => readonly number[], bdf = EDU): FaultCase {
  return {
    name,
    scene() {
      const place = opened(bdf);
      const given = argument(place);
      return place.desk.scene(() => place.desk.ioctl(place.device.fd, command, ...given));
    },
  };
}

/** SET_IRQS with eventfds from vector `start` on, after `before` was done. */
function irqs(
  name: string,
  index: number,
  count: number,
  { bdf = EDU, start = 0, flags = TRIGGER, before = (_: Opened): void => {} } = {},
): FaultCase {
  return {
    name,
    scene() {
      const place = opened(bdf);
      before(place);
      const fds = Array.from({ length: count }, () => place.desk.eventfd());
      return place.desk.scene(() => place.device.setIrqs(index, start, fds, flags));
    },
  };
}

const arm =
  (index: number, count: number) =>
  ({ desk, device }: Opened): void =>
    void checked(
      device.setIrqs(
        index,
        0,
        Array.from({ length: count }, () => desk.eventfd()),
      ),
    );

/** VFIO_DEVICE_IOEVENTFD: 4 bytes of BAR 0. */
const ioeventfd = ({ desk }: Opened): readonly number[] => [32, 4, 0x80, 0, 0, 0, desk.eventfd(), 0];

const DMA_BUF = FEATURE.DMA_BUF | FEATURE_FLAG.GET;

/** Two ranges of BAR 0 as one dma-buf. */
function exportTwo({ device }: Opened): number {
  return device.feature(DMA_BUF, 16 + 32, (view, at) => {
    view.setUint32(at + 12, 2, true);
    for (let i = 0; i < 2; i++) {
      setNumber64(view, at + 16 + 16 * i, i * 2 * PAGE);
      setNumber64(view, at + 24 + 16 * i, PAGE);
    }
  });
}

const CHANGED_COPY = 'the registers before it are written by then (vfio_pci_config_rw, vfio_pci_core_do_io_rw)';

const CASES: readonly FaultCase[] = [
  words('GET_INFO with a capability', VFIO.DEVICE_GET_INFO, () => [64, ...Array(15).fill(0)]),
  words('GET_REGION_INFO of a BAR', VFIO.DEVICE_GET_REGION_INFO, () => [64, 0, 0, ...Array(13).fill(0)]),
  words('GET_REGION_INFO with a capability', VFIO.DEVICE_GET_REGION_INFO, () => [64, 0, 0, ...Array(13).fill(0)], NVME),
  words('GET_IRQ_INFO', VFIO.DEVICE_GET_IRQ_INFO, () => [16, 0, 0, 0]),
  words('GET_PCI_HOT_RESET_INFO', VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, () => [64, ...Array(15).fill(0)], NVME),
  words('PCI_HOT_RESET', VFIO.DEVICE_PCI_HOT_RESET, ({ place }) => [16, 0, 1, place.group], NVME),
  words('IOEVENTFD', VFIO.DEVICE_IOEVENTFD, (place) => {
    place.device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, ENABLE_MEMORY);
    return ioeventfd(place);
  }),
  irqs('SET_IRQS: INTx', PCI_IRQ.INTX, 1),
  irqs('SET_IRQS: an eventfd that unmasks INTx', PCI_IRQ.INTX, 1, { flags: UNMASK, before: arm(PCI_IRQ.INTX, 1) }),
  irqs('SET_IRQS: MSI', PCI_IRQ.MSI, 1),
  irqs('SET_IRQS: MSI-X, three vectors', PCI_IRQ.MSIX, 3, { bdf: NVME }),
  {
    ...irqs('SET_IRQS: one more vector of MSI-X', PCI_IRQ.MSIX, 1, {
      bdf: NVME,
      start: 2,
      before: arm(PCI_IRQ.MSIX, 1),
    }),
    exceptions: [
      {
        kind: 'allocation',
        at: [3, -1],
        why: 'vfio_msi_set_vector_signal: an interrupt that was allocated for it stays until MSI-X is disabled',
        leaves: [/^interrupt vectors/],
      },
    ],
  },
  {
    ...irqs('SET_IRQS: another eventfd for a vector of MSI-X', PCI_IRQ.MSIX, 1, {
      bdf: NVME,
      before: arm(PCI_IRQ.MSIX, 1),
    }),
    exceptions: [
      {
        kind: 'allocation',
        at: [2, -1],
        why: 'vfio_msi_set_vector_signal: what was there goes first',
        leaves: [/^vfio-pci: eventfds/],
      },
    ],
  },
  irqs('SET_IRQS: errors', PCI_IRQ.ERR, 1, { bdf: NVME }),
  irqs('SET_IRQS: requests', PCI_IRQ.REQ, 1),
  {
    name: 'DEVICE_RESET',
    scene() {
      const { desk, device } = opened(NVME);
      return desk.scene(() => device.reset());
    },
  },
  {
    name: 'DEVICE_FEATURE: a dma-buf',
    scene() {
      const place = opened();
      place.device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, ENABLE_MEMORY);
      return place.desk.scene(() => exportTwo(place));
    },
  },
  {
    name: 'DEVICE_FEATURE: low power with an eventfd',
    scene() {
      const { desk, device } = opened(NVME);
      const fd = desk.eventfd();
      return desk.scene(() =>
        device.feature(FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP | FEATURE_FLAG.SET, 8, (view, at) =>
          view.setInt32(at, fd, true),
        ),
      );
    },
  },
  {
    name: 'DEVICE_FEATURE: a probe',
    scene() {
      const { desk, device } = opened();
      return desk.scene(() => device.feature(DMA_BUF | FEATURE_FLAG.PROBE, 0));
    },
  },
  {
    name: 'DEVICE_FEATURE: the token of a PF',
    scene() {
      const { desk, device } = opened(NVME);
      return desk.scene(() => device.feature(FEATURE.PCI_VF_TOKEN | FEATURE_FLAG.SET, 16));
    },
  },
  {
    name: 'read of configuration space',
    scene() {
      const { desk, device } = opened();
      return desk.scene(() => device.readRegion(PCI_REGION.CONFIG, 0, 64));
    },
  },
  {
    name: 'write of configuration space',
    scene() {
      const { desk, device } = opened();
      return desk.scene(() => device.write(PCI_REGION.CONFIG, PCI.BASE_ADDRESS_0, 4, 0xffff_ffff));
    },
  },
  {
    name: 'write of a BAR, two registers',
    scene() {
      const { desk, device } = opened();
      device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, ENABLE_MEMORY);
      return desk.scene(() => device.writeRegion(PCI_REGION.BAR0, 4, new Uint8Array(8)));
    },
    exceptions: [{ kind: 'copy', at: -1, why: CHANGED_COPY, leaves: [] }],
  },
  {
    name: 'mmap of a BAR',
    scene() {
      const { desk, device } = opened();
      return desk.scene(() =>
        desk.process.mmap(device.fd, regionOffset(0), PAGE, { read: true, write: true, shared: true }),
      );
    },
  },
  {
    name: 'dup of a device fd',
    scene() {
      const { desk, device } = opened();
      return desk.scene(() => desk.process.dup(device.fd));
    },
  },
  {
    name: 'eventfd write',
    scene() {
      const { desk } = opened();
      const fd = desk.eventfd();
      return desk.scene(() => desk.process.write(fd, desk.page, 8));
    },
  },
  {
    name: 'eventfd read',
    scene() {
      const { desk } = opened();
      const fd = desk.eventfd();
      desk.process.memory.write(desk.page, Uint8Array.of(1));
      checked(desk.process.write(fd, desk.page, 8));
      return desk.scene(() => desk.process.read(fd, desk.page, 8));
    },
    exceptions: [{ kind: 'copy', at: 1, why: 'eventfd_read: the count is taken before it is copied', leaves: [] }],
  },
  {
    name: 'memfd_create',
    scene() {
      const { desk } = opened();
      return desk.scene(() => desk.process.memfd(4 * PAGE));
    },
  },
];

describe('every failure below a call of a device is undone', () => {
  test.each(CASES)('$name', (given) => void prove(given));
});

describe('a failed open', () => {
  test('leaves a device that opens, closes and opens again', () => {
    const { place, desk, device } = opened();
    device.close();
    for (let n = 1; ; n++) {
      desk.machine.kernel.faults.arm('allocation', n);
      const again = place.container.openDevice(place.group, EDU);
      if (typeof again === 'number') expect(again).toBe(-ERRNO.ENOMEM);
      else if (again.close() === 0 && desk.machine.kernel.faults.armed('allocation')) break;
    }
    expect(desk.machine.vfio.openDevices()).toEqual([]);
  });
});
