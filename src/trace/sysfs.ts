/** Reading and writing small files, as cat and echo do. */
import type { Ended } from './call.ts';
import type { Run } from './run.ts';

/** sysfs shows at most a page. */
const PAGE = 4096;

/** The content without its last newline; `ended.ret` counts the bytes that were read. */
export function readFile(run: Run, path: string): { readonly ended: Ended; readonly text: string } {
  const fd = run.door.open(path, { read: true, write: false, nonblock: false });
  if (fd < 0) return { ended: { ret: fd, timeout: false }, text: '' };
  const ended = run.finish(run.door.readCall(fd, run.scratch.room(PAGE), PAGE, undefined));
  const bytes = run.scratch.read(Math.max(ended.ret ?? 0, 0));
  run.finish(run.door.closeCall(fd));
  return { ended, text: Buffer.from(bytes).toString('latin1').replace(/\n$/, '') };
}

/** Writes `text` in one call, without a newline. */
export function writeFile(run: Run, path: string, text: string): Ended {
  const fd = run.door.open(path, { read: false, write: true, nonblock: false });
  if (fd < 0) return { ret: fd, timeout: false };
  const bytes = Buffer.from(text, 'latin1');
  const ended = run.finish(run.door.writeCall(fd, run.scratch.place(bytes), bytes.length, undefined));
  run.finish(run.door.closeCall(fd));
  return ended;
}
