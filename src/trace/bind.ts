/** Binds functions to drivers and finds out which files stand for them. */
import type { Ended } from './call.ts';
import type { Run } from './run.ts';
import { writeFile } from './sysfs.ts';

const DONE: Ended = { ret: 0, timeout: false };

/** Binds a PCI function to `driver`, away from another one; 0 if it is bound already. */
export function bind(run: Run, bdf: string, driver: string): Ended {
  const device = `/sys/bus/pci/devices/${bdf}`;
  const link = run.door.readlink(`${device}/driver`);
  const current = typeof link === 'string' ? lastName(link) : undefined;
  if (current === driver) return DONE;
  const override = writeFile(run, `${device}/driver_override`, driver);
  if (failed(override)) return override;
  if (current !== undefined) {
    const unbound = writeFile(run, `${device}/driver/unbind`, bdf);
    if (failed(unbound)) return unbound;
  }
  const bound = writeFile(run, `/sys/bus/pci/drivers/${driver}/bind`, bdf);
  return failed(bound) ? bound : DONE;
}

/** Sets $NAME.bdf, $NAME.group and $NAME.cdev for a PCI function. */
export function lookUp(run: Run, variable: string, bdf: string): void {
  set(run, variable, bdf, `/sys/bus/pci/devices/${bdf}`);
}

/** As {@link lookUp} for a mediated device, given by its directory in sysfs. */
export function lookUpMdev(run: Run, variable: string, path: string): void {
  set(run, variable, lastName(path), path);
}

function set(run: Run, variable: string, device: string, directory: string): void {
  const link = run.door.readlink(`${directory}/iommu_group`);
  const names = run.door.readdir(`${directory}/vfio-dev`);
  const cdev = typeof names === 'number' ? undefined : names.find((name) => name.includes('vfio'));
  run.variables.set(`${variable}.bdf`, device);
  run.variables.set(`${variable}.group`, typeof link === 'string' ? lastName(link) : '');
  run.variables.set(`${variable}.cdev`, cdev ?? '');
  if (cdev !== undefined) run.handles.characterDevices.set(cdev, device);
}

function failed({ ret }: Ended): boolean {
  return ret === undefined || ret < 0;
}

function lastName(path: string): string {
  return path.replace(/\/+$/, '').replace(/^.*\//, '');
}
