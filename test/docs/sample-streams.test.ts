/** Streams that the sample variant refuses, and what is left of the device when it has. */
import { describe, expect, test } from 'vitest';
import { TALLY } from '../../sim/devices/sample/model.ts';
import { Random } from '../../src/lab/random.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { type AnySafeguard, withoutSafeguard } from '../../src/variant/index.ts';
import { FORMAT, SAFEGUARDS } from '../../variants/sample/index.ts';
import { boot, FIRST, SECOND, streamAt3, Tenant } from './sample-tenant.ts';

const { RUNNING, RESUMING } = MIG_STATE;

describe('streams that nobody should load', () => {
  const header = (tag: number, size: number): number[] => [tag, 0, 0, 0, size, 0, 0, 0];
  const numbers = (limit: number, count: number): number[] => [
    ...new Uint8Array(new Uint32Array([limit, count]).buffer),
  ];
  test.each([
    ['another tag', [...header(2, 8), ...numbers(10, 3)], SAFEGUARDS.TAG],
    ['a short record', [...header(1, 4), 10, 0, 0, 0], SAFEGUARDS.SIZE],
    ['no limit', [...header(1, 8), ...numbers(0, 0)], SAFEGUARDS.LIMIT],
    ['a limit too large', [...header(1, 8), ...numbers(257, 0)], SAFEGUARDS.LIMIT],
    ['a count that would never come round', [...header(1, 8), ...numbers(10, 10)], SAFEGUARDS.COUNT],
  ])('%s', (_what, bytes, guard) => {
    const tenant = new Tenant(boot(), FIRST);
    const { dataFd } = tenant.device.setState(RESUMING);
    expect(tenant.write(dataFd, Uint8Array.from(bytes))).toBe(-guard.errno);
    // Refused once, refused for good; and the device is as it was.
    expect(tenant.write(dataFd, streamAt3())).toBe(-guard.errno);
    expect(tenant.device.setState(RUNNING).result).toBe(0);
    expect([tenant.register(TALLY.LIMIT), tenant.register(TALLY.COUNT)]).toEqual([256, 0]);
  });

  test('with the check of the count switched off, the device is stuck', () => {
    const tenant = new Tenant(boot(), FIRST);
    const bytes = Uint8Array.from([...header(1, 8), ...numbers(10, 10)]);
    expect(withoutSafeguard(SAFEGUARDS.COUNT as AnySafeguard, () => tenant.load(bytes))).toBe(0);
    tenant.device.setState(RUNNING);
    tenant.tick(20);
    expect(tenant.register(TALLY.COUNT)).toBe(30);
  });

  test('mutated streams leave a sound device, a declared errno, and the neighbour alone', () => {
    const machine = boot();
    const [tenant, neighbour] = [new Tenant(machine, FIRST), new Tenant(machine, SECOND)];
    neighbour.tick(5);
    const random = new Random(1);
    const choose = (n: number): number => random.below(n);
    const declared = new Set<number>([0, ...FORMAT.safeguards.map(({ errno }) => -errno), -SAFEGUARDS.COUNT.errno]);
    let refused = 0;
    for (let i = 0; i < 500; i++) {
      const result = tenant.load(FORMAT.mutations(FORMAT.generate(choose), choose));
      expect(declared).toContain(result);
      if (result < 0) refused++;
      tenant.device.setState(RUNNING);
      const [limit, count] = [tenant.register(TALLY.LIMIT), tenant.register(TALLY.COUNT)];
      expect(limit >= 1 && limit <= 256 && count < limit).toBe(true);
    }
    expect(refused).toBeGreaterThan(50);
    expect(neighbour.register(TALLY.COUNT)).toBe(5);
  });
});
