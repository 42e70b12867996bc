/** Registers of serial ports, and bytes that come back from a looped line. */
import { atMost, type Operation, whileOpen } from './operation.ts';

const DATA = 0;
const FIFO_CONTROL = 2;
const SCRATCH = 7;
/** Enables the FIFO and empties it. */
const FRESH_FIFO = 0x07;
/** Bits that do something in one register or another: interrupts, the FIFO, access to the divisor, modem lines. */
const VALUES = [0, 1, 2, 3, 4, 7, 8, 0x0b, 0x0f, 0x80, 0x83, 0xc1, 0xff];
/** More than a FIFO holds. */
const MOST = 20;

const portWrite: Operation = {
  name: 'port_write',
  needs: 'serial',
  args: ['port', 'register', 'value'],
  weights: whileOpen(10),
  generate(random, _tenant, world) {
    const register = random.below(8);
    const plain = register === DATA || register === SCRATCH;
    // One port more than there are: that region is empty.
    const port = random.below(world.profile.serial!.ports + (random.chance(10) ? 1 : 0));
    return { port, register, value: plain ? random.below(256) : random.pick(VALUES) };
  },
  run(tenant, { port, register, value }, world) {
    const secret = register === DATA || register === SCRATCH;
    return tenant.device!.write(port!, register!, 1, secret ? world.content(tenant, value!) & 0xff : value!);
  },
};

const portRead: Operation = {
  name: 'port_read',
  needs: 'serial',
  args: ['port', 'register', 'length'],
  weights: whileOpen(10),
  generate: (random, _tenant, world) => ({
    port: random.below(world.profile.serial!.ports + (random.chance(10) ? 1 : 0)),
    register: random.below(8),
    length: random.chance(80) ? 1 : 1 + random.below(8),
  }),
  run(tenant, { port, register, length }, world) {
    const result = tenant.device!.readRegion(port!, register!, length!);
    if (result > 0) world.observe(tenant, tenant.device!.bytes(result));
    return result;
  },
};

const loop: Operation = {
  name: 'loop',
  needs: 'serial',
  args: ['port', 'fresh', 'count', 'back', 'value'],
  weights: whileOpen(5),
  generate: (random, _tenant, world) => ({
    port: random.below(world.profile.serial!.ports),
    fresh: random.below(2),
    count: 1 + random.below(MOST),
    back: random.below(MOST),
    value: random.below(256),
  }),
  run(tenant, { port, fresh, count, back, value }, world) {
    const device = tenant.device!;
    const first = world.content(tenant, value!);
    let result = fresh ? device.write(port!, FIFO_CONTROL, 1, FRESH_FIFO) : 0;
    for (let i = 0; i < atMost(MOST, count) && result >= 0; i++)
      result = device.write(port!, DATA, 1, (first + i) & 0xff);
    for (let i = 0; i < atMost(MOST, back) && result >= 0; i++) {
      result = device.readRegion(port!, DATA, 1);
      if (result > 0) world.observe(tenant, device.bytes(1));
    }
    return result;
  },
};

export const SERIAL: readonly Operation[] = [portWrite, portRead, loop];
