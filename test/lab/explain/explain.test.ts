/** An explanation tells what really happened, whose every byte is, and changes nothing by listening. */
import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/lab/explain/explain.ts';
import { watchedRuns } from '../../../src/lab/explain/watched-run.ts';
import { generating } from '../../../src/lab/generate.ts';
import { caseSeed } from '../../../src/lab/random.ts';
import { Recorder } from '../../../src/lab/recorder.ts';
import { rerun, runCase } from '../../../src/lab/run-case.ts';
import { SUBJECTS, subjectNamed } from '../../../src/lab/subject.ts';
import type { World } from '../../../src/lab/world.ts';
import { newWorlds, type Run, type Worlds } from '../../../src/lab/worlds.ts';
import { EXAMPLES, type Example, explained, withDefect } from './examples.ts';

const IDS = Object.keys(EXAMPLES) as Example[];
const textsOf = (id: Example): string[] => explained(id).events.map(({ from, to, text }) => `${from}>${to} ${text}`);

describe.each(IDS)('with %s planted', (id) => {
  test('who explains sees the violation that everybody sees', () => {
    withDefect(id, (scenario) => {
      const subject = subjectNamed(scenario.variant)!;
      const [violation] = rerun(subject, scenario).violations;
      expect(violation).toBeDefined();
      expect(explain(subject, scenario).violation).toEqual(violation);
    });
  });

  test('the place where the promise breaks is marked, in its step', () => {
    const { events, violation } = explained(id);
    const marks = events.filter(({ kind }) => kind === 'violation');
    expect(marks.map(({ step }) => step)).toContain(violation!.at);
    expect(marks[0]!.text).toContain(violation!.property);
  });

  test('and without it nothing is marked', () => {
    const scenario = EXAMPLES[id];
    const { violation, events, divergence } = explain(subjectNamed(scenario.variant)!, scenario);
    expect({ violation, divergence }).toEqual({ violation: undefined, divergence: undefined });
    expect(events.filter(({ kind }) => kind === 'violation')).toEqual([]);
  });
});

describe.each(SUBJECTS)('$variant.name: listening changes nothing', (subject) => {
  test.each(['integrity', 'confidentiality', 'residue'] as const)('in 40 generated cases about %s', (twin) => {
    for (let number = 0; number < 40; number++) {
      const seed = caseSeed(5, number);
      const plain = new Map<Run, World>();
      const worlds: Worlds = {
        subject,
        world(run, setting) {
          const world = newWorlds(subject).world(run, setting);
          plain.set(run, world);
          return world;
        },
      };
      const { scenario, violations } = runCase(worlds, { seed, twin, setting: {} }, generating(seed));
      const watched = watchedRuns(subject, scenario);
      expect([violations, watched.result.violations]).toEqual([[], []]);
      for (const [run, world] of plain)
        for (const actor of ['A', 'B', 'H'] as const)
          expect(Recorder.compare(world.seen[actor], watched.by.get(run)!.world.seen[actor])).toBeUndefined();
    }
  });
});

describe('a chronicle has', () => {
  test('system calls by their names, with the fields that matter and the errno', () => {
    const texts = textsOf('HISI-09');
    expect(texts).toContain('A>VFIO ioctl DEVICE_FEATURE SET|MIG_DEVICE_STATE { device_state: STOP }');
    expect(texts).toContain('A>VFIO ioctl DEVICE_RESET');
  });

  test('what the core asks of the driver, the driver of its parent, and what that changes in the device', () => {
    const texts = textsOf('HISI-09');
    expect(texts).toContain('VFIO>variant migration_set_state(STOP)');
    expect(texts).toContain('variant>parent suspend(vhcaId: 0x20, opMod: 0)');
    expect(texts).toContain('parent>device vf0: suspend initiator');
    expect(texts).toContain('variant>variant state RUNNING -> RUNNING_P2P -> STOP');
    expect(texts).toContain("VFIO>device FLR reset of A's device");
  });

  test('DMA with whose device it is, and whose memory', () => {
    expect(textsOf('DMA-RO')).toContain("device>A A's device: DMA read, 1 bytes at IOVA 0x1000");
  });

  test('a command that names the wrong device', () => {
    const texts = textsOf('SCOPE-01');
    expect(texts).toContain(
      'variant>parent save(vhcaId: 0x21, incremental: no, track: yes, mkey: 0x200200, size: 0x2000)',
    );
    expect(texts).toContain('parent>device vf0: save');
  });

  test('signals on eventfds, before they are judged', () => {
    const texts = textsOf('MTTY-08');
    const signal = texts.indexOf('VFIO>A eventfd 0 of A is signalled');
    expect(texts[signal + 1]).toMatch(/^A>A interrupt confinement: /);
  });

  test('a crash, where it happens', () => {
    expect(textsOf('CORE-07').join('\n')).toMatch(/VFIO>A crashes: group->iommufd/);
  });

  test('no lane that a variant has no use for', () => {
    expect(explained('MTTY-08').lanes).toEqual(['A', 'VFIO', 'variant', 'B']);
    expect(explained('HISI-09').lanes).toEqual(['A', 'VFIO', 'variant', 'parent', 'device', 'B']);
  });

  test('not what the lab does to get a device ready, or to hold it against its model', () => {
    const reset = explained('HISI-09').events.filter(({ step }) => step === 1);
    expect(reset.filter(({ kind }) => kind === 'call')).toHaveLength(1);
  });
});

describe('a byte belongs to what it follows', () => {
  test('k: memory that the kernel did not clear', () => {
    const { divergence } = explained('T1-03');
    expect(divergence!.left.owners.flatMap((owner, i) => (owner === 'k' ? [i] : []))).toEqual([36, 37, 38, 39]);
    expect(divergence!.fields.map(({ left, right }) => [left, right])).toEqual([['5a5a5a5a', 'a5a5a5a5']]);
  });

  test("b: tenant B's secret", () => {
    const { divergence } = explained('MTTY-02');
    const { left, right } = divergence!;
    const secret = left.owners.flatMap((owner, i) => (owner === 'b' ? [i] : []));
    expect(secret).toHaveLength(1);
    const at = secret[0]! * 2;
    expect(left.hex.slice(at, at + 2)).not.toBe(right.hex.slice(at, at + 2));
    expect(divergence!.what).toBe('read of data file: 96 bytes');
  });

  test("a: what tenant A does; and b, where B's own data is beside it", () => {
    const { left, right, observer, what } = explained('MTTY-01').divergence!;
    expect(left.owners.filter((owner) => owner === 'a')).toHaveLength(1);
    expect(right.owners.filter((owner) => owner === 'a')).toEqual([]);
    expect(left.owners).toContain('b');
    expect(observer).toBe('B');
    expect(what).toBe("the inside of tenant B's device: 322 bytes");
  });
});
