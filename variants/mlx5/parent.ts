/**
 * What mlx5-vfio-pci asks of mlx5_core, as declared interactions: firmware commands on the PF's command queue. The
 * kernel's side of each is named in `reference`, under drivers/net/ethernet/mellanox/mlx5/core/ and
 * drivers/vfio/pci/mlx5/.
 */
import { device, kernel, opaque, userDerived } from '../../src/variant/argument.ts';
import { defineParent, type ErrorRule, returns } from '../../src/variant/interaction.ts';
import type { VhcaIdentity } from './core/capabilities.ts';
import type { SaveOutcome, VhcaMigrationState } from './core/migration-commands.ts';
import type { PageRun } from './core/object-commands.ts';
import type { RingMemory } from './core/queue-commands.ts';
import type { TrackerSpec } from './core/tracker-commands.ts';
import { SAFEGUARDS } from './safeguards.ts';

/** Pages with a user's image in them, and the key by which the card reads them. */
export interface ImagePages {
  readonly mkey: number;
}

const VHCA = kernel<number>('u16', 'the VHCA of this VF, learnt from the firmware when the driver was bound');
const PD = device<number>('u24', 'protection domain of this session');
const CQN = device<number>('u24', 'completion queue of this tracker');
const QPN = device<number>('u24', 'queue pair of this tracker');
const TRACKER = device<number>('u32', 'page tracker of this device');
const ERRNO = returns<number>('0, or the negated errno of the firmware’s status');
const NUMBER = returns<number>('the new object’s number, or a negated errno');

/** Every command may fail like this (cmd.c: cmd_status_to_err). */
const COMMON: readonly ErrorRule[] = [
  { when: 'the firmware finds a parameter, an id or a state wrong', errno: 'EINVAL' },
  { when: 'the firmware is out of resources', errno: 'EAGAIN' },
  { when: 'the firmware’s limit is reached', errno: 'ENOMEM' },
  { when: 'the object is in use', errno: 'EBUSY' },
  { when: 'the command could not be delivered, or failed inside', errno: 'EIO' },
];

export const MLX5_PARENT = defineParent({
  name: 'mlx5_core',
  driver: 'mlx5_core',
  summary:
    'Firmware commands on the PF’s command queue. Buffers are kernel pages mapped for the PF alone; no user page is ever given to it.',
  identity:
    'Every command on a VF carries its vhca_id: the firmware names it for the VF’s index when the driver is bound, and neither a stream nor an ioctl has a field for it.',
  interactions: {
    identify: {
      summary: 'Asks which VHCA a VF is, and whether it can be migrated. Once, when the driver is bound.',
      arguments: { functionId: kernel<number>('u16', 'index of the VF on its PF, plus 1') },
      returns: returns<VhcaIdentity | number>('vhca_id and migratable, or a negated errno'),
      scope: [],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_get_vhca_id',
    },
    suspend: {
      summary: 'Stops one side of the VF: what it initiates (op_mod 0), or what it answers (op_mod 1).',
      arguments: { vhcaId: VHCA, opMod: kernel<number>('u16', 'which side; follows from the migration arc') },
      returns: ERRNO,
      scope: ['this VF'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_suspend_vhca',
    },
    resume: {
      summary: 'Starts one side of the VF again; op_mod counts the other way round: 0 responder, 1 initiator.',
      arguments: { vhcaId: VHCA, opMod: kernel<number>('u16', 'which side; follows from the migration arc') },
      returns: ERRNO,
      scope: ['this VF'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_resume_vhca',
    },
    query: {
      summary: 'Asks how large the next image will be.',
      arguments: {
        vhcaId: VHCA,
        incremental: kernel<boolean>('bit', 'against the last tracked save'),
        chunk: kernel<boolean>('bit', 'the next chunk instead of all'),
      },
      returns: returns<VhcaMigrationState | number>('sizes and migration state, or a negated errno'),
      scope: [],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_query_vhca_migration_state',
    },
    save: {
      summary: 'Writes an image of the VF into a buffer of the session. The caller does not wait for it.',
      arguments: {
        vhcaId: VHCA,
        incremental: kernel<boolean>('bit', 'only what changed since the last tracked save'),
        track: kernel<boolean>('bit', 'go on recording changes'),
        mkey: device<number>('u32', 'key of the buffer; 0: none, to end tracking'),
        size: kernel<number>('u32', 'bytes of the buffer, whole pages'),
      },
      returns: returns<SaveOutcome>('status, image size, and what the next chunk needs'),
      scope: ['this VF', 'PF: tracking contexts'],
      errors: [
        ...COMMON,
        { when: 'the VF was reset while tracked: the session goes on, and ends with a full image', errno: 'EINVAL' },
      ],
      reference: 'cmd.c: mlx5vf_cmd_save_vhca_state',
    },
    load: {
      summary: 'Loads an image that a user supplied into the stopped VF.',
      arguments: {
        vhcaId: VHCA,
        image: opaque<ImagePages>(
          'pages',
          'bytes of one FW_DATA record, in kernel pages of the session',
          'the firmware: format, checksum and order of the image, as a whole before anything changes',
        ),
        size: userDerived<number>('u32', 'bytes of the record', [
          SAFEGUARDS.RECORD_SIZE_LIMIT,
          SAFEGUARDS.IMAGE_HAS_PAGES,
        ]),
      },
      returns: ERRNO,
      scope: ['this VF'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_load_vhca_state',
    },
    allocPd: {
      summary: 'A protection domain for one session or tracker.',
      arguments: {},
      returns: NUMBER,
      scope: ['PF: protection domains'],
      errors: COMMON,
      reference: 'pd.c: mlx5_core_alloc_pd',
    },
    deallocPd: {
      summary: 'Gives it back.',
      arguments: { pd: PD },
      returns: ERRNO,
      scope: ['PF: protection domains'],
      errors: COMMON,
      reference: 'pd.c: mlx5_core_dealloc_pd',
    },
    createMkey: {
      summary: 'Lets the card reach pages of a session: local and remote access within its protection domain.',
      arguments: {
        pd: PD,
        pages: userDerived<readonly PageRun[]>(
          'pages',
          'kernel pages of the session; how many follows from the record size or the announced size',
          [SAFEGUARDS.RECORD_SIZE_LIMIT, SAFEGUARDS.STOP_COPY_SIZE_LIMIT],
        ),
      },
      returns: NUMBER,
      scope: ['PF: memory keys'],
      errors: COMMON,
      reference: 'mr.c: mlx5_core_create_mkey',
    },
    destroyMkey: {
      summary: 'Takes the access away.',
      arguments: { mkey: device<number>('u32', 'key of this session') },
      returns: ERRNO,
      scope: ['PF: memory keys'],
      errors: COMMON,
      reference: 'mr.c: mlx5_core_destroy_mkey',
    },
    createCq: {
      summary: 'A completion queue for the messages of a page tracker.',
      arguments: { ring: kernel<RingMemory>('pages', 'kernel memory of the queue') },
      returns: NUMBER,
      scope: ['PF: completion queues'],
      errors: COMMON,
      reference: 'cq.c: mlx5_core_create_cq',
    },
    destroyCq: {
      summary: 'Gives it back.',
      arguments: { cqn: CQN },
      returns: ERRNO,
      scope: ['PF: completion queues'],
      errors: COMMON,
      reference: 'cq.c: mlx5_core_destroy_cq',
    },
    createQp: {
      summary: 'One end of the connection over which the card reports dirty pages.',
      arguments: { pd: PD, cqn: CQN, ring: kernel<RingMemory>('pages', 'kernel memory of the receive ring') },
      returns: NUMBER,
      scope: ['PF: queue pairs'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_create_rc_qp',
    },
    destroyQp: {
      summary: 'Gives it back.',
      arguments: { qpn: QPN },
      returns: ERRNO,
      scope: ['PF: queue pairs'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_destroy_qp',
    },
    rst2Init: {
      summary: 'Connects a queue pair, first step.',
      arguments: { qpn: QPN },
      returns: ERRNO,
      scope: ['PF: queue pairs'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_activate_qp',
    },
    init2Rtr: {
      summary: 'Connects a queue pair with the other end.',
      arguments: { qpn: QPN, remote: QPN },
      returns: ERRNO,
      scope: ['PF: queue pairs'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_activate_qp',
    },
    rtr2Rts: {
      summary: 'Lets the card’s end send.',
      arguments: { qpn: QPN },
      returns: ERRNO,
      scope: ['PF: queue pairs'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_activate_qp',
    },
    createTracker: {
      summary: 'Starts recording which pages the VF writes.',
      arguments: {
        vhcaId: VHCA,
        spec: userDerived<TrackerSpec>(
          'page_track',
          'ranges and page size of DMA_LOGGING_START, combined and clamped',
          [SAFEGUARDS.TRACKING_STOPPED, SAFEGUARDS.TRACKED_SPACE],
        ),
      },
      returns: NUMBER,
      scope: ['this VF', 'PF: page trackers'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_create_tracker',
    },
    report: {
      summary: 'Asks for the dirty pages of a range; they come as messages.',
      arguments: {
        tracker: TRACKER,
        start: userDerived<bigint>('u64', 'iova of DMA_LOGGING_REPORT, which the VFIO core has checked for overflow', [
          SAFEGUARDS.TRACKING_STARTED,
        ]),
        length: userDerived<bigint>('u64', 'length of DMA_LOGGING_REPORT, likewise', [SAFEGUARDS.TRACKING_STARTED]),
      },
      returns: ERRNO,
      scope: ['this VF', 'PF: page trackers'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_modify_tracker',
    },
    trackerState: {
      summary: 'Asks how a tracker is, after the card said that it changed.',
      arguments: { tracker: TRACKER },
      returns: returns<number>('the state, or a negated errno'),
      scope: [],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_query_tracker',
    },
    destroyTracker: {
      summary: 'Stops recording.',
      arguments: { tracker: TRACKER },
      returns: ERRNO,
      scope: ['this VF', 'PF: page trackers'],
      errors: COMMON,
      reference: 'cmd.c: mlx5vf_cmd_destroy_tracker',
    },
  },
});

export type Mlx5Interactions = (typeof MLX5_PARENT)['interactions'];
