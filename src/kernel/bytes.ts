/** Small byte arrays for drivers: zeroed, and cheap to make. */
export { bytesOf, viewOf, zeroedBytes, zeroedView } from '../../sim/bytes.ts';
