/** Which command is whose: the firmware's dispatch. */
import type { CommandKind } from '../command.ts';
import { CQ_COMMANDS } from './cq.ts';
import { GENERAL_OBJECT_COMMANDS } from './general-object.ts';
import { HCA_CAP_COMMANDS } from './hca-cap.ts';
import { LOAD_COMMANDS } from './load-vhca.ts';
import { MKEY_COMMANDS } from './mkey.ts';
import { PD_COMMANDS } from './pd.ts';
import { QP_COMMANDS } from './qp.ts';
import { SAVE_COMMANDS } from './save-vhca.ts';
import { SUSPEND_COMMANDS } from './suspend-vhca.ts';

export const COMMANDS: ReadonlyMap<number, CommandKind> = new Map(
  [
    ...HCA_CAP_COMMANDS,
    ...SUSPEND_COMMANDS,
    ...SAVE_COMMANDS,
    ...LOAD_COMMANDS,
    ...MKEY_COMMANDS,
    ...CQ_COMMANDS,
    ...QP_COMMANDS,
    ...PD_COMMANDS,
    ...GENERAL_OBJECT_COMMANDS,
  ].map((kind) => [kind.opcode, kind]),
);
