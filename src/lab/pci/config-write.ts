/** Configuration writes of a tenant, with everything the lab has to know of what they set going. */
import type { PciFunction } from '../../../sim/pci/function.ts';
import { AF, AF_CAP, AF_CTRL_FLR, CAP, COMMAND, DEVCAP_FLR, EXP, PCI, PM } from '../../../sim/pci/registers.ts';
import { regionOffset } from '../../client/device.ts';
import { viewOf } from '../../kernel/bytes.ts';
import type { Result } from '../../kernel/file.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import { after } from '../operations/operation.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { isUp } from './is-up.ts';
import { noteCommand } from './memory-on.ts';

const D3HOT = 3;
/** INTX_DISABLE is in the second byte of COMMAND. */
const DISABLE_AT = PCI.COMMAND + 1;
const DISABLE = 0x04;
/** Bytes of the largest MSI capability. */
const MSI_BYTES = 24;

/** Writes, left under way if `spawned`: the count, or an errno. */
export function writeConfig(tenant: Tenant, world: World, offset: number, bytes: Uint8Array, spawned = false): Result {
  const { fn, process, device } = tenant;
  const { irqs } = tenant.pci;
  const scratch = spawned ? tenant.spare : tenant.scratch;
  const resets = fn === undefined ? 0 : world.resetsOf(fn);
  const end = offset + bytes.length;
  const asleep = fn?.powerState === D3HOT && !tenant.pci.lowPower;
  // A call wakes its device, and that may reset it.
  const awake = fn?.powerState === 0 && !tenant.pci.lowPower && tenant.pending === 0;
  world.checks.config.writing(tenant, offset);
  // Until it is read again.
  if (offset <= DISABLE_AT && end > PCI.COMMAND) tenant.pci.command = -1;
  // What is unmasked may interrupt before the call returns.
  if (offset <= DISABLE_AT && end > DISABLE_AT && (bytes[DISABLE_AT - offset]! & DISABLE) === 0) {
    // Waking up for the call unmasks what falling asleep has masked: it may come twice.
    if (tenant.pci.lowPower) irqs.deferred = true;
    irqs.disable(false);
  }
  const position = regionOffset(PCI_REGION.CONFIG) + offset;
  const call = process.writeCall(device!.fd, scratch.load(bytes), bytes.length, position);
  return after(call, (result) => {
    // FLR is a bit like any other.
    const reset = fn !== undefined && world.resetsOf(fn) > resets;
    if (offset <= PCI.COMMAND && end > PCI.COMMAND) {
      // What is written asleep is lost when the function wakes as it fell asleep.
      tenant.pci.lost = asleep;
      tenant.pci.woken = false;
    }
    if (reset && asleep && !waking(fn, offset)) tenant.pci.lost = true;
    if (reset) world.afterReset(tenant);
    if (awake && result === bytes.length && !spawned) resetBits(tenant, world, offset, bytes, reset);
    if (!spawned) world.checks.config.written(tenant);
    if (fn === undefined || world.profile.pci === undefined || tenant.device === undefined || result < 0) return result;
    if (spawned) foretell(tenant, offset, bytes);
    else follow(tenant, offset, end);
    irqs.cameUntold(isUp(fn));
    return result;
  });
}

/** A function is reset by the bits that it has for that, and by no others. */
function resetBits(tenant: Tenant, world: World, offset: number, bytes: Uint8Array, reset: boolean): void {
  const { fn, pending } = tenant;
  if (fn === undefined || world.profile.pci === undefined || pending > 0) return;
  const { reached, asked } = askedReset(fn, offset, bytes);
  // What has no way to be reset at all is not reset by the bit that it shows either.
  const resets = reached && world.profile.pci.resets(tenant, world.machine.hardware.topology);
  if (asked && (reset ? !reached : resets) && !touchesPower(fn, offset, bytes.length))
    world.checks.liveness.resetBit(reset);
}

/** Whether a bit was written that resets, and whether the function has it. */
function askedReset(fn: PciFunction, offset: number, bytes: Uint8Array): { reached: boolean; asked: boolean } {
  const [exp, af] = [fn.capability(CAP.EXP), fn.capability(CAP.AF)];
  const bit = (at: number, mask: number): boolean => ((bytes[at - offset] ?? 0) & mask) !== 0;
  const byExp = exp !== 0 && bit(exp + EXP.DEVCTL + 1, 0x80);
  const byAf = af !== 0 && bit(af + AF.CTRL, AF_CTRL_FLR);
  const both = AF_CAP.TP | AF_CAP.FLR;
  const reached =
    (byExp && (fn.config.read(exp + EXP.DEVCAP, 4) & DEVCAP_FLR) !== 0) ||
    (byAf && (fn.config.read(af + AF.CAP, 1) & both) === both);
  return { reached, asked: byExp || byAf };
}

function touchesPower(fn: PciFunction, offset: number, length: number): boolean {
  const at = fn.capability(CAP.PM);
  return at !== 0 && offset < at + 8 && offset + length > at;
}

/** The kernel takes a function that is woken through its power register to where it was. */
function waking(fn: PciFunction, offset: number): boolean {
  return offset === fn.capability(CAP.PM) + PM.CTRL;
}

/** What a COMMAND that was written means, where asking would get in the way of other calls. */
function foretell({ pci, fn }: Tenant, offset: number, bytes: Uint8Array): void {
  const command = viewOf(bytes).getUint16(0, true);
  if (offset !== PCI.COMMAND) return;
  pci.memory = fn!.physical !== undefined || (command & COMMAND.MEMORY) !== 0;
  pci.irqs.disable((command & COMMAND.INTX_DISABLE) !== 0);
}

/** COMMAND and MSI as the user now reads them. */
function follow(tenant: Tenant, offset: number, end: number): void {
  const { irqs } = tenant.pci;
  if (offset <= DISABLE_AT && end > PCI.COMMAND) {
    const command = noteCommand(tenant);
    if (command >= 0) irqs.disable((command & COMMAND.INTX_DISABLE) !== 0);
  }
  const msi = tenant.fn!.capability(CAP.MSI);
  if (msi !== 0 && offset < msi + MSI_BYTES && end > msi) irqs.silenced = true;
}

/** As {@link writeConfig}, of 1, 2 or 4 bytes. */
export function writeRegister(tenant: Tenant, world: World, offset: number, width: number, value: number): Result {
  return writeConfig(tenant, world, offset, littleEndian(value, width));
}

/** The low bytes of a value, lowest first. */
export function littleEndian(value: number, width: number): Uint8Array {
  return Uint8Array.from({ length: Math.min(width, 8) }, (_, i) => (i < 4 ? value >>> (8 * i) : 0));
}
