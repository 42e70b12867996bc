/**
 * The smallest valid expansion ROM: one image of 512 bytes that says it is the last (PCI Firmware Specification 5.1). What
 * code the recorded machine's network cards carry was not recorded, only that they carry some.
 */
export const OPTION_ROM = (() => {
  const bytes = Buffer.alloc(512);
  bytes.writeUInt16LE(0xaa55, 0);
  // Length in blocks of 512 bytes, where BIOS looks for it; then where the data structure is.
  bytes.writeUInt8(1, 2);
  bytes.writeUInt16LE(0x1c, 0x18);
  bytes.write('PCIR', 0x1c, 'latin1');
  bytes.writeUInt16LE(0x18, 0x1c + 0x0a);
  bytes.writeUInt16LE(1, 0x1c + 0x10);
  bytes.writeUInt8(0x80, 0x1c + 0x15);
  return bytes.toString('hex');
})();
