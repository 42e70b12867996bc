/** Output into a pipe whose reader has gone, as in `vfiolab zoo | head -1`. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { ROOT } from './cli.ts';

/** The program, nobody reading what it prints on standard output from its beginning on. */
function unread(args: readonly string[]): Promise<{ code: number | null; err: string }> {
  return new Promise((done, failed) => {
    const imports = ['--import', 'tsx'];
    const child = spawn(process.execPath, [...imports, 'src/cli/main.ts', ...args], { cwd: ROOT, stdio: 'pipe' });
    child.stdout.destroy();
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => (err += part));
    child.on('error', failed);
    child.on('close', (code) => done({ code, err }));
  });
}

test.each([
  ['a campaign', ['check', 'sample', '--cases', '20', '--seed', '1']],
  ['a campaign on threads', ['check', 'sample', '--cases', '600', '--seed', '1', '--workers', '2']],
  ['a campaign that would go on', ['zoo', '--trials', '1', '--time', '1h']],
  ['what is printed at once', ['describe', 'mlx5']],
  ['help', ['--help']],
])('%s ends without a word when nobody reads it, as by SIGPIPE', async (_what, args) => {
  expect(await unread(args)).toEqual({ code: 141, err: '' });
});
