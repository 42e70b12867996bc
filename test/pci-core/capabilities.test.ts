import { describe, expect, it } from 'vitest';
import { vfio_pci_core_sriov_configure } from '../../src/pci-core/index.ts';
import { Bench, CONFIG, E, region } from './bench.ts';
import { alone, nic } from './machines.ts';

describe('power management', () => {
  // covers: CF18 CF19 PW05 MM06 MM08
  it('moves the device to D3hot and back, and takes its memory away meanwhile', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 4096);
    expect(device.touch(mapping)).toBe(true);
    expect(device.setConfig(0x44, 2, 0x8103)).toBe(2);
    expect(device.config(0x44, 2)).toBe(0x000b);
    expect(device.read(region(0), 4)).toBe(E.EIO);
    expect(device.touch(mapping)).toBe(false);
    expect(device.config(0, 2)).toBe(0x8086);
    device.setConfig(0x44, 2, 0);
    expect(device.config(0x44, 2)).toBe(0x0008);
    expect(device.read(region(0), 4)).toBe('00000000');
    expect(device.touch(mapping)).toBe(true);
  });

  // covers: CF18
  it('swallows states the function does not have', () => {
    const device = new Bench().open('0000:00:02.0');
    for (const state of [1, 2]) {
      expect(device.setConfig(0x44, 2, state)).toBe(2);
      expect(device.config(0x44, 2) & 3).toBe(0);
    }
  });

  it('wakes the device by a word of zeros, which takes the data selector back', () => {
    const capabilities = nic.capabilities!.map((c) =>
      c.kind === 'pm' ? { ...c, writable: [[4, 2, 0x1f03]] as const } : c,
    );
    const device = new Bench(alone({ ...nic, capabilities })).open('0000:01:00.0');
    device.setConfig(0x44, 4, 0xffff_ffff);
    expect(device.config(0x44, 2)).toBe(0x1e0b);
    device.setConfig(0x44, 1, 0);
    expect(device.config(0x44, 2)).toBe(0x0008);
  });

  // covers: CF20
  it('restores a function that loses its registers in D3hot', () => {
    const device = new Bench().open('0000:00:02.0');
    const address = device.raw(0x10, 4);
    device.setConfig(4, 2, 0x0006);
    device.setConfig(0x44, 1, 3);
    device.setConfig(0x44, 1, 0);
    expect(device.raw(0x10, 4)).toBe(address);
    expect(device.raw(4, 2) & 7).toBe(6);
  });

  it('does not bring messages back that were switched off in D3hot', () => {
    const device = new Bench().open('0000:00:02.0');
    const none = device.raw(0x50, 4);
    expect(device.setIrqs(0x24, 1, 0, 1, [-1])).toBe(0);
    const on = device.raw(0x50, 4);
    expect(on).not.toBe(none);
    device.setConfig(0x44, 1, 3);
    expect(device.setIrqs(0x21, 1, 0, 0)).toBe(0);
    device.setConfig(0x44, 1, 0);
    expect(device.raw(0x50, 4)).toBe(none);
  });

  // covers: PW06 SR09
  it('keeps a PF awake while it has VFs, and answers the write', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    const device = bench.openBound(core);
    core.pdev.sriovDriversAutoprobe = false;
    const configure = (count: number) => bench.kernel.run(vfio_pci_core_sriov_configure(core, count));
    expect(configure(2)).toBe(2);
    for (const state of [1, 2, 3]) {
      expect(device.setConfig(0x44, 2, state)).toBe(2);
      expect(device.config(0x44, 2)).toBe(0x0008);
    }
    expect(device.read(region(0), 4)).toBe('00000000');
    expect(configure(0)).toBe(0);
    device.setConfig(0x44, 2, 3);
    expect(device.config(0x44, 2)).toBe(0x000b);
  });
});

describe('MSI', () => {
  // covers: CF29 CF32
  it('cannot be enabled, nor widened, by configuration writes alone', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.config(0x52, 2)).toBe(0x0086);
    device.setConfig(0x52, 2, 0x00b7);
    expect(device.config(0x52, 2)).toBe(0x0086);
    expect(device.raw(0x52, 2)).toBe(0x0086);
    // Bits that are read-only in hardware are memory in the shadow.
    device.setConfig(0x52, 2, 0x0031);
    expect(device.config(0x52, 2)).toBe(0x0000);
    expect(device.raw(0x52, 2)).toBe(0x0086);
  });

  // covers: CF29
  it('limits the messages to what was set up', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const fds = [0, 1, 2].map(() => bench.eventfd().fd);
    expect(device.setIrqs(0x24, 1, 0, 3, fds)).toBe(0);
    expect(device.core.msiQmax).toBe(2);
    expect(device.raw(0x52, 2)).toBe(0x00a7);
    device.setConfig(0x52, 2, 0x00b7);
    expect(device.config(0x52, 2)).toBe(0x00a7);
    // While active the user can switch hardware off and on.
    device.setConfig(0x52, 2, 0x00a6);
    expect(device.raw(0x52, 2) & 1).toBe(0);
  });

  it.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
    [8, 3],
  ])('of %i vectors allows 2^%i messages', (vectors, qmax) => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    expect(device.setIrqs(0x24, 1, 0, vectors, Array(vectors).fill(-1))).toBe(0);
    expect(device.core.msiQmax).toBe(qmax);
  });

  // covers: CF30
  it("never shows the host's message, nor gives hardware the user's", () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(0x54, 4, 0xfee0_1000);
    device.setConfig(0x5c, 2, 0x4041);
    expect(device.raw(0x54, 4)).toBe(0);
    device.setIrqs(0x24, 1, 0, 1, [bench.eventfd().fd]);
    expect(device.config(0x54, 4)).toBe(0xfee0_1000);
    expect(device.config(0x5c, 2)).toBe(0x4041);
  });

  // covers: CF31
  it('gives masks and pending bits to hardware and back', () => {
    const device = new Bench().open('0000:00:02.0');
    expect(device.setConfig(0x60, 4, 0xffff_ffff)).toBe(4);
    // The mask of two messages; the pending bits behind it take no write in hardware.
    expect([device.raw(0x60, 4), device.config(0x60, 4)]).toEqual([3, 3]);
    device.setConfig(0x60, 4, 1);
    expect(device.raw(0x60, 4)).toBe(1);
    device.core.pdev.function.config.set(0x64, 4, 2);
    expect(device.config(0x64, 4)).toBe(2);
  });

  it('looks at its flags again after a write of the byte before them', () => {
    const device = new Bench().open('0000:01:00.0');
    device.core.shadow.set(0x52, 2, 0x0087);
    device.setConfig(0x51, 1, 0);
    expect(device.config(0x52, 2)).toBe(0x0086);
  });
});

describe('MSI-X', () => {
  // covers: CF33
  it('shows what the host programmed, and ignores writes', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(0xa2, 2, 0xc000);
    expect(device.config(0xa2, 2)).toBe(0x0007);
    device.setIrqs(0x24, 2, 0, 1, [bench.eventfd().fd]);
    expect(device.config(0xa2, 2)).toBe(0x8007);
    device.setConfig(0xa2, 2, 0);
    expect(device.config(0xa2, 2)).toBe(0x8007);
  });
});

describe('PCI Express', () => {
  // covers: CF22
  it('virtualises payload and read request, and lets an allowed read request through', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.raw(0x68, 2)).toBe(0x2810);
    device.setConfig(0x68, 2, 0x50f0);
    expect(device.config(0x68, 2)).toBe(0x50f0);
    expect(device.raw(0x68, 2)).toBe(0x5010);
    device.setConfig(0x68, 2, 0x6000);
    expect(device.config(0x68, 2)).toBe(0x6000);
    expect(device.raw(0x68, 2) & 0x7000).toBe(0x5000);
  });

  // covers: CF24
  it('asks hardware for no smaller reads than its payload, whatever the user sets', () => {
    const device = new Bench().open('0000:01:00.0');
    const { config } = device.core.pdev.function;
    config.set(0x68, 2, 0x2830); // MPS 256, as the host has it
    device.setConfig(0x68, 2, 0x0810);
    expect(device.config(0x68, 2) & 0x7000).toBe(0);
    expect(device.raw(0x68, 2) & 0x70e0).toBe(0x1020);
    device.setConfig(0x68, 2, 0x3810);
    expect(device.raw(0x68, 2) & 0x70e0).toBe(0x3020);
  });

  // covers: CF23
  it('resets the function when FLR is written, and answers the write', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const mapping = device.mmap(region(0), 4096);
    device.write(region(0, 0x10), '78563412');
    expect(device.touch(mapping)).toBe(true);
    const zapped = device.bench.hardware.scheduler.now;
    expect(device.setConfig(0x68, 2, 0xa810)).toBe(2);
    expect(bench.hardware.scheduler.now).toBeGreaterThan(zapped);
    expect(device.read(region(0, 0x10), 4)).toBe('00000000');
    expect(device.config(0x68, 2) & 0x8000).toBe(0);
  });

  // covers: CF48
  it('leaves the user’s view as it was after an FLR: BARs, line, MSI, COMMAND', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(4, 2, 0x0406);
    device.setConfig(0x10, 4, 0x1234_0000);
    device.setConfig(0x3c, 1, 0x55);
    device.setConfig(0x54, 4, 0xfee0_1000);
    const before = device.read(CONFIG, 0x100);
    const registers = device.core.pdev.function.config.bytes.slice(0x10, 0x28);
    device.write(region(0, 0x10), '78563412');
    expect(device.setConfig(0x68, 2, 0xa810)).toBe(2);
    expect(device.read(region(0, 0x10), 4)).toBe('00000000');
    expect(device.read(CONFIG, 0x100)).toBe(before);
    expect(device.core.pdev.function.config.bytes.slice(0x10, 0x28)).toEqual(registers);
  });

  // covers: CF23
  it('goes on with what follows in the same write once the function is reset', () => {
    const device = new Bench().open('0000:01:00.0');
    const bytes = Buffer.alloc(0xf4 - 0x68);
    bytes.writeUInt16LE(0xa810, 0);
    bytes.writeUInt32LE(0x1234_5678, 0xf0 - 0x68);
    device.write(region(0, 0x10), '78563412');
    expect(device.write(CONFIG + 0x68, bytes.toString('hex'))).toBe(bytes.length);
    expect(device.read(region(0, 0x10), 4), 'reset').toBe('00000000');
    expect(device.config(0xf0, 4)).toBe(0x1234_5678);
  });

  // covers: CF23
  it('resets the function by the part of a write that could be read, and faults on the rest', () => {
    const { bench, fd, ...device } = Object.assign(new Bench().open('0000:01:00.0'));
    const end = bench.page + 0x10000;
    bench.user.memory.write(end - 4, Uint8Array.of(0x10, 0xa8, 0, 0));
    expect(bench.user.pwrite(fd, end - 4, 8, CONFIG + 0x68)).toBe(E.EFAULT);
    expect(bench.hardware.scheduler.now, 'an FLR takes time').toBeGreaterThan(0);
    expect(device.core.memoryLock.locked).toBe(false);
  });

  // covers: CF23
  it('ignores what comes of the reset', () => {
    const device = new Bench().open('0000:01:00.0');
    device.write(region(0, 0x10), '78563412');
    device.core.pdev.lock.tryLock();
    expect(device.setConfig(0x68, 2, 0xa810)).toBe(2);
    expect(device.read(region(0, 0x10), 4)).toBe('78563412');
    expect(device.core.memoryLock.locked).toBe(false);
  });

  it('goes on with the rest of a transfer after the reset', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.write(CONFIG + 0x66, `0000${'10a8'}00000000${'0000'}`)).toBe(10);
    expect(device.config(0x68, 2)).toBe(0x2810);
  });
});

describe('advanced features', () => {
  // covers: CF27
  it('reset a conventional function', () => {
    const device = new Bench().open('0000:00:02.0');
    device.write(region(0, 0x10), '78563412');
    expect(device.setConfig(0x74, 1, 1)).toBe(1);
    expect(device.read(region(0, 0x10), 4)).toBe('00000000');
    expect(device.config(0x74, 1)).toBe(0);
  });
});

describe('vendor specific', () => {
  // covers: CF34
  it('is written raw', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(0xc4, 4, 0x0bad_cafe);
    expect(device.raw(0xc4, 4)).toBe(0x0bad_cafe);
    expect(device.config(0xc4, 4)).toBe(0x0bad_cafe);
  });
});

describe('SR-IOV', () => {
  // covers: CF41
  it('can be seen and not be written: no user makes VFs', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.config(0x180, 2)).toBe(0x10);
    expect(device.config(0x180 + 0x0e, 2)).toBe(4);
    for (let at = 0x180; at < 0x1c0; at += 4) {
      const before = device.raw(at, 4);
      expect(device.setConfig(at, 4, 0xffff_ffff)).toBe(4);
      expect(device.raw(at, 4)).toBe(before);
    }
    expect(device.core.pdev.function.virtuals).toEqual([]);
  });
});

describe('capabilities for sharing address spaces', () => {
  /** ATS is shown, page requests too, PASID between them is not. */
  const sharing = {
    ...nic,
    capabilities: [
      ...nic.capabilities!.filter(({ at }) => at < 0x100),
      { kind: 'ats', at: 0x100, body: '20000000' },
      { kind: 'pasid', at: 0x120, body: '021f0000' },
      { kind: 'pri', at: 0x140, body: '0000000140000000' },
      { kind: 'sriov', at: 0x180 },
    ],
  };

  it('are read-only where they are shown', () => {
    const device = new Bench(alone(sharing)).open('0000:01:00.0');
    expect(device.config(0x100, 4)).toBe(0x1401_000f);
    device.setConfig(0x106, 2, 0x8000);
    device.setConfig(0x144, 2, 1);
    expect([device.raw(0x106, 2), device.raw(0x144, 2)]).toEqual([0, 0]);
  });

  it('are left out of the list where they are hidden, and are reached all the same', () => {
    const device = new Bench(alone(sharing)).open('0000:01:00.0');
    expect(device.config(0x140, 4)).toBe(0x1801_0013);
    expect(device.config(0x120, 4)).toBe(0x1401_001b);
    device.setConfig(0x126, 2, 1);
    expect(device.raw(0x126, 2)).toBe(1);
  });
});
