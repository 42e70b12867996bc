// Threads load TypeScript as the main thread does: on Node 20, tsx itself sees to the main thread only.
import { isMainThread } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

if (!isMainThread) register();
