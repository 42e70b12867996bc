/** Which functions can be reset alone, by what their registers and their place say (PCIe 6.6.2, 5.4.1; AF ECN). */
import type { PciFunction } from '../../../sim/pci/function.ts';
import { AF, AF_CAP, CAP, DEVCAP_FLR, EXP, PM, PM_CTRL } from '../../../sim/pci/registers.ts';
import type { Topology } from '../../../sim/pci/topology.ts';

/** A function level reset of its own, or a transition from D3hot that resets. */
export function resetsItself(fn: PciFunction): boolean {
  const { config } = fn;
  const exp = fn.capability(CAP.EXP);
  const af = fn.capability(CAP.AF);
  const pm = fn.capability(CAP.PM);
  if (exp !== 0 && (config.read(exp + EXP.DEVCAP, 4) & DEVCAP_FLR) !== 0) return true;
  if (af !== 0 && (config.read(af + AF.CAP, 1) & (AF_CAP.TP | AF_CAP.FLR)) === (AF_CAP.TP | AF_CAP.FLR)) return true;
  return pm !== 0 && (config.read(pm + PM.CTRL, 2) & PM_CTRL.NO_SOFT_RESET) === 0;
}

/** Functions that a reset of the bus of `fn` reaches: on it, and behind the bridges on it. */
export function busScope(fn: PciFunction, topology: Topology): PciFunction[] {
  const bus = fn.id >> 8;
  return [...topology.functions.values()].filter((other) => {
    if (other.id >> 8 === bus) return true;
    for (let bridge = topology.bridgeAbove(other); bridge !== undefined; bridge = bridge.parent)
      if (bridge.id >> 8 === bus) return true;
    return false;
  });
}

/** A port stands above the bus, it is no bus of VFs alone, and everything on it comes back. */
export function busResets(fn: PciFunction, topology: Topology): boolean {
  const scope = busScope(fn, topology);
  const returns = scope.every((other) => !other.template.description.quirks?.includes('no_bus_reset'));
  return fn.id >> 8 !== 0 && scope.some((other) => other.physical === undefined) && returns;
}

/** Alone on its bus, which can be reset. */
export function resetsWithBusAlone(fn: PciFunction, topology: Topology): boolean {
  return fn.physical === undefined && busScope(fn, topology).length === 1 && busResets(fn, topology);
}
