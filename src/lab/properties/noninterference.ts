/** Two runs of one scenario that differ in one thing: whoever must not see the difference sees the same bytes. */
import { Recorder } from '../recorder.ts';
import type { Actor, Twin, Violation } from '../scenario.ts';
import type { Seen } from '../world.ts';
import type { Property } from './property.ts';
import { RESIDUAL_DATA } from './residual-data.ts';

export const NONINTERFERENCE: Property = {
  name: 'noninterference',
  promise:
    "What tenant B and the host observe is the same whether tenant A acts or does nothing (integrity), and what tenant A observes does not depend on tenant B's data (confidentiality).",
  observes:
    'Every answer, every byte read, every eventfd drained; for tenant B and the host also their memory, device and sysfs at the end. B and the host look when the machine is at rest.',
  allows: [
    'when something happens: time is out of scope',
    'what A learns of itself, and of what the host lets everybody know',
    'a function of the same bus, asleep, is woken by an attempt at a hot reset (vfio_pci_dev_set_pm_runtime_get)',
    'which vector of the host a device was given: B does not depend on it, and forging one is another property',
  ],
};

/** Who must not see the difference. */
export const OBSERVERS: Readonly<Record<Twin, readonly Actor[]>> = {
  integrity: ['B', 'H'],
  confidentiality: ['A'],
  residue: ['A', 'B'],
};

const SUBJECTS: Readonly<Record<Twin, (observer: Actor) => string>> = {
  integrity: (observer) => `${NAMES[observer]} observes what tenant A does`,
  confidentiality: () => "tenant A's observations depend on tenant B's secret",
  residue: (observer) => `${NAMES[observer]} observes memory that the kernel did not clear`,
};
const NAMES: Readonly<Record<Actor, string>> = { A: 'tenant A', B: 'tenant B', H: 'the host' };

/** Where the observers of a twin see something else than in the base run. */
export function compareRuns(twin: Twin, base: Seen, other: Seen): Violation[] {
  const violations: Violation[] = [];
  for (const observer of OBSERVERS[twin]) {
    const difference = Recorder.compare(base[observer], other[observer]);
    if (difference === undefined) continue;
    violations.push({
      property: twin === 'residue' ? RESIDUAL_DATA.name : NONINTERFERENCE.name,
      message: `${SUBJECTS[twin](observer)}: ${shorten(difference.left)} or ${shorten(difference.right)}`,
      at: difference.step,
    });
  }
  return violations;
}

const shorten = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.subarray(0, 24)).toString('hex');
  return bytes.length > 24 ? `${text}...` : text || 'nothing';
};
