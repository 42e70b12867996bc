/** What ioctls take and the headers have no struct for: elements of flexible arrays, and arguments that are one value. */
import { layout } from './layout.ts';

/** VFIO_GROUP_SET_CONTAINER's argument; an element of VFIO_DEVICE_SET_IRQS and VFIO_DEVICE_PCI_HOT_RESET. */
export const file_descriptor = layout('file_descriptor', { fd: 's32' });
/** An element of VFIO_DEVICE_SET_IRQS with DATA_BOOL. */
export const boolean_byte = layout('boolean_byte', { bool: 'u8' });
/** The payload of VFIO_DEVICE_FEATURE_PCI_VF_TOKEN. */
export const uuid = layout('uuid', { uuid: ['u8', 16] });
