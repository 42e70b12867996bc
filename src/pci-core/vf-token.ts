/** VF tokens: the shared secret between the user of a PF and the users of its VFs (vfio_pci_core.c: vf_token). */
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { FEATURE_FLAG } from '../uapi/vfio.ts';
import { vfio_check_feature } from '../vfio/feature.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

const UUID_SIZE = 16;
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
const UUID_TEXT_LENGTH = 36;
const OPTION = 'vf_token=';

/** Token of one PF. */
export interface VfToken {
  uuid: Uint8Array;
  /** Open VFs. */
  users: number;
}

/** uuid_parse: 16 bytes, or undefined. */
export function parseUuid(text: string): Uint8Array | undefined {
  if (!UUID_TEXT.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text.slice(0, UUID_TEXT_LENGTH).replaceAll('-', ''), 'hex'));
}

/**
 * A token nobody was told. The kernel draws a random one; here runs must repeat, so it follows from the function's
 * place, and a user who does not set one cannot have learnt it.
 */
export function initialToken(core: VfioPciCoreDevice): VfToken {
  const uuid = new Uint8Array(UUID_SIZE);
  let state = (core.pdev.function.id ^ 0x9e37_79b9) >>> 0;
  for (let i = 0; i < UUID_SIZE; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    uuid[i] = state >>> 24;
  }
  return { uuid, users: 0 };
}

/** vfio_pci_core_match_token_uuid: 0, or why the device is not for whoever gives this token (or none). */
export function vfio_pci_core_match_token_uuid(core: VfioPciCoreDevice, token: Uint8Array | undefined): number {
  if (core.pdev.isVirtfn) {
    const owner = core.sriovPfCoreDev;
    if (owner === undefined) return token === undefined ? 0 : -ERRNO.EINVAL;
    return equal(token, owner.vfToken?.uuid) ? 0 : -ERRNO.EACCES;
  }
  const own = core.vfToken;
  if (own === undefined) return token === undefined ? 0 : -ERRNO.EINVAL;
  if (own.users > 0) return equal(token, own.uuid) ? 0 : -ERRNO.EACCES;
  // Without VF users the PF's user sets the token.
  if (token !== undefined) own.uuid = token.slice();
  return 0;
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.every((byte, i) => byte === b[i]);
}

/** vfio_pci_core_match: `name` is a device name with options behind it. 1, 0, or a negated errno. */
export function vfio_pci_core_match(core: VfioPciCoreDevice, name: string): number {
  const own = core.pdev.name;
  if (!name.startsWith(own) || (name.length > own.length && name[own.length] !== ' ')) return 0;
  const token = tokenOf(name.slice(own.length));
  if (typeof token === 'number') return token;
  const result = vfio_pci_core_match_token_uuid(core, token);
  return result < 0 ? result : 1;
}

/** Options are separated by spaces; one token is the only one there is. */
function tokenOf(options: string): Uint8Array | undefined | number {
  let token: Uint8Array | undefined;
  for (let at = 0; at < options.length; ) {
    if (options[at] === ' ') {
      at++;
      continue;
    }
    if (token !== undefined || !options.startsWith(OPTION, at)) return -ERRNO.EINVAL;
    at += OPTION.length;
    token = parseUuid(options.slice(at));
    if (token === undefined) return -ERRNO.EINVAL;
    at += UUID_TEXT_LENGTH;
  }
  return token;
}

/** VFIO_DEVICE_FEATURE_PCI_VF_TOKEN: the PF's user sets a new token; VFs that are open stay open. */
export function vfio_pci_core_feature_token(
  core: VfioPciCoreDevice,
  caller: Process,
  flags: number,
  argument: number,
  argsz: number,
): number {
  if (core.vfToken === undefined) return -ERRNO.ENOTTY;
  const check = vfio_check_feature(flags, argsz, FEATURE_FLAG.SET, UUID_SIZE);
  if (check !== 1) return check;
  const uuid = caller.copyFromUser(argument, UUID_SIZE);
  if (uuid === undefined) return -ERRNO.EFAULT;
  core.vfToken.uuid = uuid;
  return 0;
}
