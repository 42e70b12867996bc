import type { Task } from '../../src/kernel/index.ts';
import type { Untrusted } from '../../src/variant/index.ts';
import { defineParent, kernel, type Parent, passes, returns, userDerived } from '../../src/variant/index.ts';
import { SAFEGUARDS } from '../../variants/sample/index.ts';

export const ACME_PARENT = defineParent({
  name: 'acme_core',
  driver: 'acme_core',
  summary: 'Mailbox commands of the PF.',
  identity: 'A VF is named by its index, which the PCI core tells; no stream and no ioctl has a field for it.',
  interactions: {
    restore: {
      summary: 'Sets the limit of a stopped VF.',
      arguments: {
        vf: kernel<number>('u16', 'index of the VF on its PF'),
        limit: userDerived<number>('u32', 'as the stream says', [SAFEGUARDS.LIMIT]),
      },
      returns: returns<number>('0, or a negated errno'),
      scope: ['this VF'],
      errors: [{ when: 'the VF runs', errno: 'EBUSY' }],
      reference: 'acme/mailbox.c: acme_vf_restore',
    },
  },
});

type AcmeParent = Parent<(typeof ACME_PARENT)['interactions']>;

export function* restore(parent: AcmeParent, vf: number, limit: Untrusted<number>): Task<number> {
  if (!passes(limit, SAFEGUARDS.LIMIT)) return -SAFEGUARDS.LIMIT.errno;
  return yield* parent.call('restore', { vf, limit });
}

export function unchecked(parent: AcmeParent, vf: number, limit: Untrusted<number>): Task<number> {
  // @ts-expect-error The limit has passed no safeguard.
  return parent.call('restore', { vf, limit });
}
