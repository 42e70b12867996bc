/** A package outside of this one: the packed vfiolab installed beside the files of a page, without a network. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const MODULES = join(ROOT, 'node_modules');
/** What npm packs from, beside what is compiled. */
const PACKED = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'docs'];

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
}

/** One such package, and what came into the tarball. */
export class Project {
  readonly folder: string;
  readonly packed: readonly string[];
  private readonly top: string;

  /** `files` by name. */
  constructor(files: Readonly<Record<string, string>>) {
    this.top = mkdtempSync(join(tmpdir(), 'vfiolab-package-'));
    this.folder = join(this.top, 'project');
    mkdirSync(this.folder);
    const { tarball, packed } = pack(join(this.top, 'source'));
    this.packed = packed;
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    this.install(tarball);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  remove(): void {
    rmSync(this.top, { recursive: true });
  }

  /** Runs a program of this package's own dev dependencies in the project. */
  run(program: string, ...args: readonly string[]): Ended {
    const env = { ...process.env, CI: '1', NO_COLOR: '1', VITEST: undefined };
    const argv = [resolve(MODULES, program), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: this.folder, env, encoding: 'utf8' });
    return { code: status, out: stdout + stderr };
  }

  /** Dependencies of vfiolab are links to the ones here, so nothing is fetched; vitest is none of its dependencies. */
  private install(tarball: string): void {
    const { dependencies } = manifest();
    const here = Object.keys(dependencies).map((name) => [name, `file:${join(MODULES, name)}`]);
    const wanted = { ...Object.fromEntries(here), vfiolab: `file:${tarball}` };
    const own = { name: 'dial', version: '1.0.0', private: true, type: 'module', dependencies: wanted };
    this.write('package.json', JSON.stringify(own));
    npm(this.folder, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock');
    for (const name of ['vitest', '@types']) symlinkSync(join(MODULES, name), join(this.folder, 'node_modules', name));
  }
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}
const manifest = (): Manifest => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Compiles and packs in a folder of its own: `dist` here may be in use, or of yesterday. */
function pack(source: string): { tarball: string; packed: string[] } {
  mkdirSync(source);
  for (const name of PACKED) cpSync(join(ROOT, name), join(source, name), { recursive: true });
  const compile = [join(MODULES, 'typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(source, 'dist')];
  execFileSync(process.execPath, compile, { cwd: ROOT });
  const out = npm(source, 'pack', '--ignore-scripts', '--json');
  const [{ filename, files }] = JSON.parse(out) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(source, filename), packed: files.map(({ path }) => path) };
}

function npm(folder: string, ...args: readonly string[]): string {
  return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
