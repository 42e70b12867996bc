/** The safeguards of mlx5-vfio-pci: every check between a user's value and an effect, each with its errno. */
import { defineSafeguards } from '../../src/variant/safeguard.ts';

/** LOAD_VHCA_STATE and SAVE_VHCA_STATE carry sizes in 32 bits (mlx5_ifc.h: load_vhca_state_in). */
export const MAX_LOAD_SIZE = 0xffff_ffffn;
/** Tags a reader knows, and the header flag that lets it skip the others. */
export const TAG = { FW_DATA: 0, STOP_COPY_SIZE: 1 } as const;
export const FLAG_OPTIONAL = 1;

interface HeaderValues {
  readonly record_size: bigint;
  readonly flags: number;
  readonly tag: number;
}

export const SAFEGUARDS = defineSafeguards('mlx5-vfio-pci', {
  RECORD_SIZE_LIMIT: {
    checks: 'a record is at most 2^32 - 1 bytes, what the size field of LOAD_VHCA_STATE can say',
    errno: 'ENOMEM',
    holds: (size: bigint) => size <= MAX_LOAD_SIZE,
  },
  KNOWN_TAG: {
    checks: 'the tag is known, or the record is marked optional and will be skipped',
    errno: 'EOPNOTSUPP',
    holds: ({ flags, tag }: HeaderValues) =>
      tag === TAG.FW_DATA || tag === TAG.STOP_COPY_SIZE || (flags & FLAG_OPTIONAL) !== 0,
  },
  STOP_COPY_SIZE_COMPLETE: {
    checks: 'a STOP_COPY_SIZE record holds all 8 bytes of its number, so that nothing else is taken for them',
    errno: 'EINVAL',
    holds: (size: bigint) => size >= 8n,
  },
  STOP_COPY_SIZE_LIMIT: {
    checks: 'the announced size is at most 2^32 - 1 bytes; a larger one is taken as that',
    errno: 'ENOMEM',
    holds: (size: bigint) => size <= MAX_LOAD_SIZE,
  },
  IMAGE_HAS_PAGES: {
    checks: 'an image that is to be loaded has pages behind it',
    errno: 'EINVAL',
    holds: (pages: number) => pages > 0,
  },
  FILE_ENABLED: {
    checks: 'the session of a data file still runs and its stream was never refused',
    errno: 'ENODEV',
    holds: (state: string) => state !== 'ERROR',
  },
  PARENT_ATTACHED: {
    checks: 'the PF still serves this VF; asked before every command',
    errno: 'ENOTCONN',
    holds: (detached: boolean) => !detached,
  },
  TRACKING_STOPPED: {
    checks: 'at most one page tracker runs for a device',
    errno: 'EINVAL',
    holds: (active: boolean) => !active,
  },
  TRACKING_STARTED: {
    checks: 'a report is asked only of a running tracker',
    errno: 'EINVAL',
    holds: (active: boolean) => active,
  },
  TRACKED_SPACE: {
    checks: 'the tracked ranges together lie within the address space sizes the device can track',
    errno: 'EOPNOTSUPP',
    holds: (log: number, { least, most }: { readonly least: number; readonly most: number }) =>
      log >= least && log <= most,
  },
});
