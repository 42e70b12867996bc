/** `vfiolab ... | head -1`: whoever reads has seen enough, and the command ends as other programs do that die of SIGPIPE. */
import { EXIT } from './errors.ts';

/** Streams that are looked after. */
const watched = new WeakSet<NodeJS.WriteStream>();

/**
 * Ends the program, quietly, when a stream that it writes to is a pipe that nobody reads any more. Campaigns do not give
 * way to events while they run, and so each write looks for itself whether it has failed.
 */
export function endWithReader(stream: NodeJS.WriteStream): void {
  if (watched.has(stream)) return;
  watched.add(stream);
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  const end = (error: unknown): void => {
    if ((error as NodeJS.ErrnoException | null)?.code === 'EPIPE') process.exit(EXIT.PIPE);
  };
  stream.on('error', (error) => {
    end(error);
    throw error;
  });
  stream.write = (...args: unknown[]): boolean => {
    const more = write(...args);
    end(stream.errored);
    return more;
  };
}
