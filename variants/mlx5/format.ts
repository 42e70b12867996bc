/** The migration stream of mlx5-vfio-pci: records of a 16-byte header and data (drivers/vfio/pci/mlx5/cmd.h). */
import { recordFormat } from '../../src/variant/record-format.ts';
import { FLAG_OPTIONAL, MAX_LOAD_SIZE, SAFEGUARDS, TAG } from './safeguards.ts';

export const MLX5_FORMAT = recordFormat({
  name: 'mlx5 migration stream',
  summary:
    'A sequence of records, each a header of 16 bytes and as many bytes as the header says, little-endian. Every FW_DATA record is loaded the moment it is complete, inside write().',
  compatibility:
    'The stream has no version. Unknown optional records are skipped and unknown mandatory ones refused; whether an image fits is the firmware’s decision.',
  order: [
    'STOP_COPY_SIZE comes first; a reader accepts it anywhere and takes the last one.',
    'FW_DATA: a full image first, then increments; a reader loads each in turn.',
  ],
  littleEndian: true,
  header: {
    record_size: {
      offset: 0,
      type: 'u64',
      meaning: 'bytes of data behind the header',
      producer: 'driver: the image size that SAVE_VHCA_STATE answered, or 8',
      userVisible: 'follows from the length of the stream',
      constraint: 'at most 2^32 - 1; a record of 0 bytes takes effect when another byte follows',
      safeguards: [SAFEGUARDS.RECORD_SIZE_LIMIT],
      values: [8, 4096, MAX_LOAD_SIZE],
    },
    flags: {
      offset: 8,
      type: 'u32',
      meaning: 'bit 0: a reader that does not know the tag skips the record',
      producer: 'driver',
      userVisible: 'constant',
      constraint: 'other bits are ignored',
      values: [0, FLAG_OPTIONAL],
    },
    tag: {
      offset: 12,
      type: 'u32',
      meaning: '0 FW_DATA, 1 STOP_COPY_SIZE',
      producer: 'driver',
      userVisible: 'constant',
      constraint: 'known, unless the record is optional',
      values: [TAG.FW_DATA, TAG.STOP_COPY_SIZE],
    },
  },
  lengthField: 'record_size',
  tagField: 'tag',
  optionalFlag: { field: 'flags', mask: FLAG_OPTIONAL },
  headerSafeguards: [SAFEGUARDS.KNOWN_TAG],
  emptyRecord: 'at-next-byte',
  records: {
    STOP_COPY_SIZE: {
      tag: TAG.STOP_COPY_SIZE,
      summary: 'how much the final image will need, so that the target can have the pages ready',
      presence: 'optional',
      position: 'first',
      count: [1, 1],
      payload: {
        kind: 'fields',
        complete: SAFEGUARDS.STOP_COPY_SIZE_COMPLETE,
        fields: {
          stop_copy_size: {
            offset: 0,
            type: 'u64',
            meaning: 'bytes of the source’s stop-copy buffer',
            producer: 'driver: pages it allocated, from QUERY_VHCA_MIGRATION_STATE',
            userVisible: 'as VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, roughly',
            constraint: 'only a hint: sizes above 2^32 - 1 count as that',
            safeguards: [SAFEGUARDS.STOP_COPY_SIZE_LIMIT],
            otherwise: MAX_LOAD_SIZE,
            values: [0, 4096, 0x1_0000],
          },
        },
      },
    },
    FW_DATA: {
      tag: TAG.FW_DATA,
      summary: 'an image of the VHCA, complete or incremental',
      presence: 'mandatory',
      position: 'any',
      count: [1, 3],
      payload: {
        kind: 'opaque',
        meaning: 'internal state of the VHCA: contexts, queues, counters, device memory',
        producer: 'firmware: SAVE_VHCA_STATE',
        userVisible: false,
        constraint: 'the firmware checks it in LOAD_VHCA_STATE and refuses it as a whole',
      },
    },
  },
});
