/** The shadow of configuration space that one opening of a device has (vconfig; vfio_pci_config.c: vfio_config_init). */

import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { PciDevice } from '../../kernel/pci/device.ts';
import { type ConfigLayout, layoutOf, MAP } from './layout.ts';

/** What the user sees in place of configuration space, for one opening. */
export class ConfigShadow {
  readonly layout: ConfigLayout;
  readonly vconfig: Uint8Array;
  /** The six BARs and the ROM BAR of hardware at open: what the kernel restores. */
  readonly rbar = new Uint32Array(7);
  /** A BAR was written: fix it up before the next read. */
  bardirty = true;
  private readonly view: DataView;
  /** Bytes made virtual after the fact (an OpRegion pointer); undefined: none. */
  private overrides: Map<number, number> | undefined;

  constructor(pdev: PciDevice, nointx: boolean) {
    const layout = layoutOf(pdev.function.template);
    this.layout = layout;
    this.vconfig = zeroedBytes(layout.size);
    this.view = viewOf(this.vconfig);
    const { copies } = layout;
    for (let i = 0; i < copies.length; i += 2) {
      const at = copies[i]!;
      this.set(at, copies[i + 1]!, pdev.readConfig(at, copies[i + 1]!));
    }
    for (let i = 0; i < 6; i++) this.rbar[i] = this.get(PCI.BASE_ADDRESS_0 + 4 * i, 4);
    this.rbar[6] = this.get(PCI.ROM_ADDRESS, 4);
    if (pdev.isVirtfn) this.identify(pdev);
    if (pdev.noCommandMemory) this.vconfig[PCI.COMMAND]! |= COMMAND.MEMORY;
    if (nointx || pdev.irq === 0) this.vconfig[PCI.INTERRUPT_PIN] = 0;
    for (const { at, keep, set } of layout.patches) this.vconfig[at] = (this.vconfig[at]! & keep) | set;
  }

  /** A value of the shadow, 1, 2 or 4 bytes. */
  get(position: number, count: number): number {
    if (count === 4) return this.view.getUint32(position, true);
    return count === 2 ? this.view.getUint16(position, true) : this.view.getUint8(position);
  }

  set(position: number, count: number, value: number): void {
    if (count === 4) this.view.setUint32(position, value, true);
    else if (count === 2) this.view.setUint16(position, value, true);
    else this.view.setUint8(position, value);
  }

  /** The map byte in force at a position. */
  mapAt(position: number): number {
    return this.overrides?.get(position) ?? this.layout.map[position]!;
  }

  /** Makes [at, at + length) memory of the shadow only. */
  makeVirtual(at: number, length: number): void {
    this.overrides ??= new Map();
    for (let i = 0; i < length; i++) this.overrides.set(at + i, MAP.INVALID_VIRT);
  }

  /** A VF's own registers read all ones: its ids are the PF's vendor, and the device id of the SR-IOV capability. */
  private identify(pdev: PciDevice): void {
    this.set(PCI.VENDOR_ID, 2, pdev.vendor);
    this.set(PCI.DEVICE_ID, 2, pdev.device);
    this.vconfig[PCI.INTERRUPT_PIN] = 0;
  }
}
