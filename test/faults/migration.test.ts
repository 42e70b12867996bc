/** Migration and DMA logging of an mlx5 VF, with its parent's commands among what fails; and a serial card without hardware. */
import { describe, expect, test } from 'vitest';
import type { StateAnswer } from '../../src/client/device.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, PCI_IRQ, VFIO } from '../../src/uapi/vfio.ts';
import { type Exception, type FaultCase, prove } from './prove.ts';
import { checked, IOVA, migratable, PAGE, serial, serialHost, UUID } from './scenes.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;
const NAMES = Object.fromEntries(Object.entries(MIG_STATE).map(([name, number]) => [number, name]));

/** Status 1: an internal error of the firmware, which is EIO. */
const FAILS = { status: 1, errno: ERRNO.EIO } as const;

type Place = ReturnType<typeof migratable>;

/** One arc of the state machine, from `path`'s last state to `to`. */
function arc(path: readonly number[], to: number, exceptions: readonly Exception[] = []): FaultCase {
  const from = path.at(-1) ?? RUNNING;
  return {
    name: `mlx5 ${NAMES[from]} -> ${NAMES[to]}`,
    command: FAILS,
    exceptions,
    scene() {
      const place = walked(path);
      return place.desk.scene(() => setState(place, to).result);
    },
  };
}

function walked(path: readonly number[]): Place {
  const place = migratable();
  for (const state of path) checked(setState(place, state).result);
  return place;
}

/** A change of state; deferred work is done. */
function setState({ desk, device }: Place, state: number): StateAnswer {
  const answer = device.setState(state);
  desk.machine.kernel.scheduler.settle();
  return answer;
}

const ANSWER = 'vfio_ioctl_device_feature_mig_device_state: the device has changed its state when the answer is copied';
/** The state has changed, though nothing that is counted. */
const stateChanged: Exception = { kind: 'copy', at: -1, why: ANSWER, leaves: [] };
/** The session goes on without the user's file. */
const fileLost: readonly Exception[] = [
  { kind: 'copy', at: -1, why: `${ANSWER}: the file is lost, the session goes on` },
  { kind: 'file', at: 1, why: 'vfio_ioct_mig_return_fd: no number for the file, the session goes on' },
];
/** The firmware's answer to a SAVE comes when the call is over. */
const lateSave: Exception = {
  kind: 'command',
  at: -1,
  why: 'mlx5vf_save_callback: a SAVE that fails ends the session behind the call',
  answer: 0,
};

/** What is left of pre-copy is given up at the end; the firmware's answer to the SAVE decides whether that is an error. */
const abandoned: readonly Exception[] = [
  { kind: 'command', at: 2, why: 'mlx5vf_pci_step_device_state_locked: a SAVE that fails ends the session' },
  { kind: 'command', at: [3, -1], why: 'what cannot be given back stays (mlx5vf_free_data_buffer)', answer: 0 },
];
const FINAL = 'mlx5vf_pci_save_device_inc_data: a final image that cannot be saved ends the session';

const ARCS: readonly FaultCase[] = [
  arc([], RUNNING_P2P, [stateChanged]),
  arc([RUNNING_P2P], STOP, [stateChanged]),
  arc([STOP], RUNNING_P2P, [stateChanged]),
  arc([RUNNING_P2P], RUNNING, [stateChanged]),
  arc([STOP], STOP_COPY, [...fileLost, lateSave]),
  arc([], PRE_COPY, [...fileLost, lateSave]),
  arc([PRE_COPY], PRE_COPY_P2P, [stateChanged]),
  arc([PRE_COPY_P2P], PRE_COPY, [stateChanged]),
  arc([PRE_COPY], RUNNING, [{ kind: 'copy', at: -1, why: ANSWER }, ...abandoned]),
  arc([PRE_COPY_P2P], STOP_COPY, [
    { kind: 'copy', at: -1, why: ANSWER, leaves: [/savesTracked/] },
    { kind: 'allocation', at: [1, -1], why: FINAL, leaves: [] },
    { kind: 'command', at: 2, why: FINAL, leaves: [] },
    { ...lateSave, leaves: [] },
  ]),
  arc([STOP], RESUMING, fileLost),
  arc([RESUMING], STOP, [
    { kind: 'copy', at: -1, why: ANSWER },
    {
      kind: 'command',
      at: [1, -1],
      why: 'what is given back is not asked for twice (mlx5vf_free_data_buffer)',
      answer: 0,
    },
  ]),
];

const CASES: readonly FaultCase[] = [
  {
    name: 'mlx5 GET of the state',
    scene() {
      const { desk, device } = migratable();
      return desk.scene(() => device.getState().result);
    },
  },
  {
    name: 'mlx5 MIGRATION flags',
    scene() {
      const { desk, device } = migratable();
      return desk.scene(() => device.migrationFlags());
    },
  },
  {
    name: 'mlx5 MIG_DATA_SIZE',
    command: FAILS,
    scene() {
      const { desk, device } = migratable();
      return desk.scene(() => device.dataSize());
    },
  },
  {
    name: 'mlx5 read of a data file',
    scene() {
      const place = walked([STOP]);
      const { dataFd } = setState(place, STOP_COPY);
      return place.desk.scene(() => place.desk.process.read(dataFd, place.desk.page, 12));
    },
  },
  {
    name: 'mlx5 GET_PRECOPY_INFO',
    command: FAILS,
    scene() {
      const place = migratable();
      const { dataFd } = setState(place, PRE_COPY);
      return place.desk.scene(() => place.device.precopyInfo(dataFd).result);
    },
  },
  {
    name: 'mlx5 DMA_LOGGING_START',
    command: FAILS,
    scene() {
      const { desk, device } = migratable();
      return desk.scene(() => device.startLogging(IOVA, 16 * PAGE));
    },
  },
  {
    name: 'mlx5 DMA_LOGGING_REPORT',
    command: FAILS,
    scene() {
      const { desk, device } = migratable();
      checked(device.startLogging(IOVA, 16 * PAGE));
      return desk.scene(() => {
        const bitmap = device.reportLogging(IOVA, 16 * PAGE);
        return typeof bitmap === 'number' ? bitmap : 0;
      });
    },
  },
  {
    name: 'mlx5 DMA_LOGGING_STOP',
    scene() {
      const { desk, device } = migratable();
      checked(device.startLogging(IOVA, 16 * PAGE));
      return desk.scene(() => device.stopLogging());
    },
  },
];

const SERIAL: readonly FaultCase[] = [
  {
    name: 'creating a mediated device',
    scene() {
      const { desk, create } = serialHost();
      return desk.scene(() => desk.write(create, UUID));
    },
  },
  {
    name: 'mtty GET_INFO',
    scene() {
      const { desk, device } = serial();
      return desk.scene(() => desk.ioctl(device.fd, VFIO.DEVICE_GET_INFO, 20, 0, 0, 0, 0));
    },
  },
  {
    name: 'mtty SET_IRQS',
    scene() {
      const { desk, device } = serial();
      device.info();
      const fd = desk.eventfd();
      return desk.scene(() => device.setIrqs(PCI_IRQ.MSI, 0, [fd]));
    },
  },
  ...(
    [
      [STOP, STOP_COPY],
      [RUNNING, PRE_COPY],
      [STOP, RESUMING],
    ] as const
  ).map(
    ([from, to]): FaultCase => ({
      name: `mtty ${NAMES[from]} -> ${NAMES[to]}`,
      scene() {
        const { desk, device } = serial();
        checked(device.setState(from).result);
        return desk.scene(() => device.setState(to).result);
      },
      exceptions: fileLost,
    }),
  ),
  {
    name: 'mtty write of a data file',
    scene() {
      const { desk, device } = serial();
      checked(device.setState(STOP).result);
      const { dataFd } = device.setState(RESUMING);
      return desk.scene(() => desk.process.write(dataFd, desk.page, 8));
    },
  },
  {
    name: 'mtty DMA_LOGGING_START',
    scene() {
      const { desk, device } = serial();
      return desk.scene(() => device.startLogging(IOVA, 16 * PAGE));
    },
  },
];

describe('every failure below a call of migration is undone', () => {
  test.each([...ARCS, ...CASES, ...SERIAL])('$name', (given) => void prove(given));
});

describe('a state change over several arcs', () => {
  test('stays where it was stopped, and goes on from there', () => {
    const place = migratable();
    const { faults } = place.desk.machine.kernel;
    faults.arm('command', 2, FAILS);
    expect(setState(place, STOP).result).toBe(-ERRNO.EIO);
    expect(place.device.getState().state).toBe(RUNNING_P2P);
    expect(setState(place, STOP).result).toBe(0);
  });
});

describe('a resume stream', () => {
  test('of which a piece cannot be copied or kept is given up, and the device is well', () => {
    for (const kind of ['allocation', 'copy'] as const) {
      const place = walked([STOP]);
      const { dataFd } = setState(place, RESUMING);
      place.desk.process.memory.write(place.desk.page, Uint8Array.of(0, 16, 0, 0, 0, 0, 0, 0));
      place.desk.machine.kernel.faults.arm(kind, 1);
      const written = place.desk.process.write(dataFd, place.desk.page, 16);
      expect(written).toBe(kind === 'copy' ? -ERRNO.EFAULT : -ERRNO.ENOMEM);
      expect(place.desk.process.write(dataFd, place.desk.page, 16)).toBe(-ERRNO.ENODEV);
      expect(setState(place, STOP).result).toBe(0);
      expect(setState(place, RUNNING).result).toBe(0);
    }
  });
});
