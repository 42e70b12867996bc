import { describe, expect, test } from 'vitest';
import { registerAt } from '../../src/trace/registers.ts';

/** MSI with 64-bit address and masks at 0x40, PCIe at 0x60; SR-IOV at 0x100. */
function config(): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes[0x06] = 0x10;
  bytes[0x34] = 0x40;
  bytes.set([0x05, 0x60, 0x80, 0x01], 0x40);
  bytes.set([0x10, 0x00, 0x02, 0x00], 0x60);
  bytes.set([0x10, 0x00, 0x01, 0x00], 0x100);
  return bytes;
}

describe('a byte of configuration space is named', () => {
  test.each([
    [0x05, 'PCI_COMMAND', 0x04, 2],
    [0x13, 'PCI_BASE_ADDRESS_0', 0x10, 4],
    [0x35, 'PCI+0x35', 0x35, 1],
    [0x41, 'PCI_CAP_LIST_NEXT', 0x41, 1],
    [0x4c, 'PCI_MSI_DATA_64', 0x4c, 2],
    [0x50, 'PCI_MSI_MASK_64', 0x50, 4],
    [0x58, '0x58', 0x58, 1],
    [0x69, 'PCI_EXP_DEVCTL', 0x68, 2],
    [0x9c, '0x9c', 0x9c, 1],
    [0x110, 'PCI_SRIOV_NUM_VF', 0x110, 2],
    [0x800, '0x800', 0x800, 1],
  ])('0x%x: %s', (offset, name, start, width) => {
    expect(registerAt(config(), offset)).toMatchObject({ name, offset: start, width });
  });

  test('where the flags of the capability put it', () => {
    const narrow = config();
    narrow[0x42] = 0;
    expect(registerAt(narrow, 0x48).name).toBe('PCI_MSI_DATA_32');
    narrow[0x43] = 0;
    expect(registerAt(narrow, 0x4c).name).toBe('0x4c');
  });

  test('also when the list of capabilities runs in a circle', () => {
    const circle = config();
    circle[0x61] = 0x40;
    expect(registerAt(circle, 0x42).name).toBe('PCI_MSI_FLAGS');
  });
});
