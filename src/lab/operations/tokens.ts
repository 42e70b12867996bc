/** The secret between the user of a PF and the users of its VFs, and the number of VFs. */
import { setNumVfs } from '../../kernel/pci/sriov.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE, FEATURE_FLAG } from '../../uapi/vfio.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';

const WRONG = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 - i);
/** What is shown: nothing, another secret, one byte of it wrong. */
const SHOWN = { NOTHING: 0, WRONG: 1, NEARLY: 2 } as const;

function shown(tenant: Tenant, kind: number): { readonly uuid: Uint8Array | undefined } {
  if (kind === SHOWN.NOTHING) return { uuid: undefined };
  const { token } = tenant;
  if (kind === SHOWN.NEARLY && token !== undefined)
    return { uuid: Uint8Array.from(token, (b, i) => (i === 15 ? b ^ 1 : b)) };
  return { uuid: WRONG };
}

/** The function’s users must show a token: a VF of a user's PF, or such a PF whose VFs are open. */
function guarded(tenant: Tenant, { a, b }: World): boolean {
  if (tenant.token === undefined) return false;
  // Whether somebody has a VF is told to the PF's user: of B that is not asked, because B must not see what A does.
  return tenant.fn!.physical !== undefined || (tenant === a && b.device !== undefined);
}

/** Opening without the secret, or with another, must fail; so must showing one where there is none. */
const openWithout: Operation = {
  name: 'open_without_token',
  needs: 'pci',
  args: ['kind'],
  weights: [12, 2, 2, 2, 2, 2, 2, 2],
  generate: (random, tenant, world) => {
    const kind = random.below(3);
    return guarded(tenant, world) || (tenant.token === undefined && kind !== SHOWN.NOTHING) ? { kind } : undefined;
  },
  run(tenant, { kind }, world) {
    if (!guarded(tenant, world) && (tenant.token !== undefined || kind === SHOWN.NOTHING)) return -ERRNO.EINVAL;
    const opened = tenant.way.open(shown(tenant, kind!));
    if (typeof opened === 'number') return opened;
    world.checks.parent.openedWithoutToken(tenant);
    return opened.close();
  },
};

/** The PF's user says again what the secret is; of other functions there is none. */
const setToken: Operation = {
  name: 'set_token',
  needs: 'pci',
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run(tenant, _args, world) {
    const uuid = tenant.token ?? WRONG;
    const result = tenant.device!.feature(FEATURE.PCI_VF_TOKEN | FEATURE_FLAG.SET, 16, (view, at) => {
      for (const [i, byte] of uuid.entries()) view.setUint8(at + i, byte);
    });
    if (result === 0 && tenant.fn!.physical !== undefined) world.checks.parent.tokenOfVf(tenant);
    return result;
  },
};

/** An administrator changes the number of VFs while some exist: that must fail, and change nothing. */
const numVfs: Operation = {
  name: 'num_vfs',
  needs: 'vfs',
  args: ['count'],
  weights: whileOpen(1),
  generate: (random, { fn }) =>
    pfOf(fn!).virtuals.length === 0 ? undefined : { count: random.pick([1, 3, 8, 9, 0xffff]) },
  run(tenant, { count }, world) {
    const device = world.machine.kernel.bus.devices.get(pfOf(tenant.fn!).name)!;
    const before = device.numVfs;
    if (before === 0 || count === 0 || count === before) return -ERRNO.EINVAL;
    const result = world.machine.kernel.run(setNumVfs(device, count!));
    if (device.numVfs !== before || result >= 0) world.checks.parent.vfsChanged(device.name);
    return result;
  },
};

const pfOf = (fn: NonNullable<Tenant['fn']>): NonNullable<Tenant['fn']> => fn.physical ?? fn;

export const TOKENS: readonly Operation[] = [openWithout, setToken, numVfs];
