/** Where C would go on unchecked and the kernel would crash. Drivers import it from here. */
export { deref, inBounds } from '../../sim/oops.ts';
