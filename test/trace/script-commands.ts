/** `play` and `record` in this process, on the fake machine unless a test has another one. */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { playCommand } from '../../src/cli/play.ts';
import { recordCommand } from '../../src/cli/record.ts';
import type { Machine } from '../../src/trace/index.ts';
import { BDF, fakeMachine } from './fake-machine.ts';

/** Opens the device of the fake machine as `dev`, on lines 2 to 4. */
export const SCRIPT = `# one function\nbind d ${BDF}\nopen g /dev/vfio/$d.group\nioctl g VFIO_GROUP_GET_DEVICE_FD str:${BDF} >dev\n`;
/** Five steps: then asks for information on line 5, and reads configuration space on line 6. */
export const INFO = `${SCRIPT}ioctl dev VFIO_DEVICE_GET_INFO u32:16 pad:12\npread dev r7 4\n`;

/** What a command said, and how it ended. */
export interface Said {
  out: string;
  err: string;
  code: number | undefined;
}

/** Runs a command line. */
export function command(args: string[], machine: (name: string) => Machine = () => fakeMachine()): Said {
  const said: Said = { out: '', err: '', code: undefined };
  const terminal = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    live: false,
    exit: (code: number) => {
      said.code = code;
    },
  };
  const program = new Command();
  playCommand(program, { machine, terminal });
  recordCommand(program, { machine, terminal });
  program.parse(args, { from: 'user' });
  return said;
}

/** Writes a script, and the recording the fake machine gives of it with a change. */
export function writeTrace(
  file: string,
  script = INFO,
  change: (recording: string) => string = (text) => text,
): string {
  writeFileSync(file, script);
  writeFileSync(file.replace(/vs$/, 'jsonl'), change(command(['record', file, '--out', '-']).out));
  return file;
}
