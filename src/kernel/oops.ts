/** Where C would go on unchecked and the kernel would crash. Drivers import it from here. */
export { deref, inBounds, Oops } from '../../sim/oops.ts';
