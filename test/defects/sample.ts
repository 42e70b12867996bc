/** Shapes of other variant drivers' defects, carried over to the sample variant: its BAR 2 is the driver's own. */
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const WINDOW = 2;

export const SAMPLE_DEFECTS: readonly Defect[] = [
  {
    id: 'HISI-11',
    title: 'of the ways to a BAR that the driver keeps for itself one is not closed',
    subject: 'sample',
    reference: 'hisi_acc: the control half of BAR 2',
    properties: ['config-space confinement', 'noninterference'],
    // The look of mmap; those of read, write and region info stay.
    plant: () =>
      patch(
        VfioDeviceFile.prototype,
        'mmap',
        (mmap) =>
          function (this: VfioDeviceFile<unknown>, caller, request) {
            const { bars } = this.device.data as VfioPciCoreDevice;
            const [supported, error] = [bars.mmapSupported[WINDOW]!, bars.map[WINDOW]!];
            bars.mmapSupported[WINDOW] = true;
            bars.map[WINDOW] = 0;
            const result = mmap.call(this, caller, request);
            bars.mmapSupported[WINDOW] = supported;
            bars.map[WINDOW] = error;
            return result;
          },
      ),
  },
];
