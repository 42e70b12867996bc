/** One device under the vfio-pci-core library: struct vfio_pci_core_device, composed of what each concept keeps. */

import { Mutex } from '../../sim/mutex.ts';
import { MMAP_LOCK } from '../kernel/address-space.ts';
import type { EventFd } from '../kernel/eventfd.ts';
import { Oops } from '../kernel/oops.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { SavedState } from '../kernel/pci/saved-state.ts';
import type { VfioDevice } from '../vfio/device.ts';
import { BarMappings } from './bar-mappings.ts';
import { Bars } from './bars.ts';
import type { ConfigShadow } from './config/shadow.ts';
import type { DeviceSet } from './device-set.ts';
import type { DmaBufs } from './dma-buf.ts';
import { HostVpd } from './host-vpd.ts';
import { Interrupts } from './interrupts/interrupts.ts';
import { IoEventFds } from './ioeventfd.ts';
import { __vfio_pci_memory_enabled } from './memory-enabled.ts';
import { Power } from './power.ts';
import type { DeviceRegion } from './region.ts';
import { VFIO_PCI_OFFSET_SHIFT } from './region-offset.ts';
import type { BusReset, VfioRegistry } from './registry.ts';
import type { VfToken } from './vf-token.ts';

/** The library’s part of a device. A driver’s own device contains or extends it. */
export class VfioPciCoreDevice {
  readonly pdev: PciDevice;
  /** The device as the VFIO core knows it; set at registration. */
  vdev: VfioDevice<unknown> | undefined;
  registry: VfioRegistry | undefined;

  // Latched at init by the vfio-pci driver; variants leave them false.
  nointxmask = false;
  disableVga = false;
  disableIdleD3 = false;

  // As long as the driver is bound.
  readonly irqs: Interrupts;
  readonly power: Power;
  readonly mappings: BarMappings;
  readonly bars: Bars;
  readonly ioeventfds: IoEventFds;
  readonly vpd: HostVpd;
  /** memory_lock: held for writing across a reset. Readers never sleep with it. */
  readonly memoryLock: Mutex;
  /** igate: one SET_IRQS at a time. */
  readonly igate: Mutex;
  vfToken: VfToken | undefined;
  /** The PF's device, if its SR-IOV was enabled through this library. */
  sriovPfCoreDev: VfioPciCoreDevice | undefined;
  /** This PF's SR-IOV was enabled through this library (membership in vfio_pci_sriov_pfs). */
  sriovListed = false;
  devSet: DeviceSet | undefined;
  busReset: BusReset | undefined;
  needsReset = false;
  /** log2 of the vectors of the last successful MSI enable. Never reset at close. */
  msiQmax = 0;
  /** File layout of the regions. */
  offsetShift = VFIO_PCI_OFFSET_SHIFT;
  /** A ROM image the platform provides for a function without a ROM BAR (pdev->rom). */
  platformRom: Uint8Array | undefined;
  /** MSI-X vectors can be allocated one by one after enabling: a property of the host's interrupt domain. */
  platformDynMsix = true;
  dmaBufs: DmaBufs | undefined;

  // As long as the device is open.
  resetWorks = false;
  pciSavedState: SavedState | undefined;
  /** INTX_DISABLE works, so a shared line can be masked in the device. */
  pci23 = false;
  /** The function's INTx is broken and never used. */
  nointx = false;
  hasVga = false;
  hasDynMsix = false;
  msixBar = 0xff;
  msixOffset = 0;
  msixSize = 0;
  readonly regions: DeviceRegion[] = [];
  errTrigger: EventFd | undefined;
  reqTrigger: EventFd | undefined;
  private opened: ConfigShadow | undefined;

  constructor(pdev: PciDevice) {
    this.pdev = pdev;
    this.memoryLock = new Mutex('memory_lock', pdev.scheduler);
    this.igate = new Mutex('igate', pdev.scheduler);
    // vfio_pci_mmap_huge_fault takes it inside a page fault.
    pdev.scheduler.locks.add(MMAP_LOCK, 'memory_lock');
    this.irqs = new Interrupts(this);
    this.power = new Power(this);
    this.mappings = new BarMappings();
    this.bars = new Bars(this);
    this.ioeventfds = new IoEventFds(this);
    this.vpd = new HostVpd(pdev);
  }

  /** The configuration shadow of this opening. Asking for it on a closed device is a fault of the emulator. */
  get shadow(): ConfigShadow {
    if (this.opened === undefined) throw new Oops(`${this.pdev.name} is not open`);
    return this.opened;
  }
  set shadow(shadow: ConfigShadow | undefined) {
    this.opened = shadow;
  }
  get isOpen(): boolean {
    return this.opened !== undefined;
  }

  /** The user is told of an error of the function. */
  tellError(): void {
    this.errTrigger?.signal();
  }

  /** The user is asked to give the device back. */
  tellRequest(): void {
    this.reqTrigger?.signal();
  }

  /** vfio_pci_zap_bars and vfio_pci_dma_buf_move(true): nobody reaches device memory any more. */
  zapAndRevoke(): void {
    this.mappings.zap();
    this.dmaBufs?.move(true);
  }

  /** vfio_pci_dma_buf_move(false), if memory is enabled. */
  unrevoke(): void {
    if (this.dmaBufs !== undefined && __vfio_pci_memory_enabled(this)) this.dmaBufs.move(false);
  }
}
