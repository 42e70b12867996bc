/** Reads the parts of a campaign, and refuses what is not one campaign, whole and once: in one sentence. */
import { readFileSync } from 'node:fs';
import type { CoverageReport } from '../lab/guidance/report.ts';
import { UsageError } from './errors.ts';
import { PART_FORMAT, type PartSection } from './part.ts';

/** How a property fared in a part. */
export interface PropertyLine {
  readonly name: string;
  readonly verdict: 'held' | 'violated' | 'fault' | 'does not apply';
  readonly reason?: string;
  readonly cases?: number;
  readonly counterexample?: string;
}

/** What became of a stored counterexample that a part ran first. */
export interface StoredLine {
  readonly file: string;
  readonly verdict: string;
  readonly property?: string;
  readonly message?: string;
}

/** What `check --shard --json` prints, as far as it is joined. */
export interface PartReport {
  readonly variant: string;
  readonly seed: number;
  readonly seconds: number;
  readonly cases: number;
  readonly steps: number;
  readonly calls: number;
  readonly arcs: { readonly covered: number; readonly legal: number };
  readonly properties: readonly PropertyLine[];
  readonly coverage: CoverageReport;
  readonly stored?: readonly StoredLine[];
  readonly part: PartSection;
}

/** A part, and the file it came from. */
export interface PartFile {
  readonly path: string;
  readonly report: PartReport;
}

/** The parts of one campaign, in the order of their numbers. */
export function readParts(paths: readonly string[]): readonly PartFile[] {
  const files = paths.map((path) => ({ path, report: readPart(path) }));
  refuseMixture(files);
  return inOrder(files);
}

function readPart(path: string): PartReport {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new UsageError(`${path} ${why}, so it is no part of a campaign.`);
  }
  const report = value as Partial<PartReport> | null;
  const part = report?.part as Partial<PartSection> | undefined;
  if (typeof part !== 'object' || part === null)
    throw new UsageError(`${path} is no part of a campaign: check --shard i/n --json writes one.`);
  if (part.format !== PART_FORMAT)
    throw new UsageError(`${path} is of format ${part.format}; this program joins format ${PART_FORMAT}.`);
  const bad = firstFault(report!, part);
  if (bad !== undefined) throw new UsageError(`${path} is corrupt: ${bad}.`);
  return report as PartReport;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isList = (value: unknown, of: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(of);
const isText = (value: unknown): boolean => typeof value === 'string';

function firstFault(report: Partial<PartReport>, part: Partial<PartSection>): string | undefined {
  const { coverage, reached, failure } = { ...report, ...part };
  const checks: Readonly<Record<string, boolean>> = {
    'the variant is missing': isText(report.variant),
    'the seed is missing': isCount(report.seed),
    'a count is missing': isList([report.cases, report.steps, report.calls, part.errors, report.arcs?.legal], isCount),
    'the time is missing': Number.isFinite(report.seconds),
    'the properties are missing': isList(report.properties, (line) => isText((line as PropertyLine | null)?.name)),
    'its number is none': isCount(part.number) && isCount(part.of) && part.number! >= 1 && part.number! <= part.of!,
    'the number of cases is missing': part.asked === null || isCount(part.asked),
    'what was reached is missing': isList(reached?.arcs, isCount) && isList(reached?.met, isCount),
    'the coverage is missing':
      isList(coverage?.heat, (row) => isList(row, isCount) && (row as unknown[]).length === coverage!.places?.length) &&
      isList(coverage?.arcsNeverTaken, isText) &&
      isList(coverage?.errnosNeverSeen, isText),
    'its stored counterexamples are none':
      report.stored === undefined || isList(report.stored, (line) => isText((line as StoredLine | null)?.file)),
    'the failure is not complete':
      failure === undefined || (Array.isArray(failure.scenario?.steps) && isText(failure.violation?.property)),
  };
  return Object.keys(checks).find((name) => !checks[name]);
}

/** What all parts of a campaign have in common, and how it is called. */
const COMMON: readonly { readonly what: string; of(report: PartReport): string | number }[] = [
  { what: 'the variant', of: ({ variant }) => variant },
  { what: 'the seed', of: ({ seed }) => seed },
  { what: 'the version of vfiolab', of: ({ part }) => part.program },
  { what: 'the number of parts', of: ({ part }) => part.of },
  { what: 'the number of cases', of: ({ part }) => part.asked ?? 'as many as there is time for' },
];

function refuseMixture([first, ...others]: readonly PartFile[]): void {
  for (const { what, of } of COMMON)
    for (const other of others)
      if (of(first!.report) !== of(other.report))
        throw new UsageError(
          `${first!.path} and ${other.path} are not parts of one campaign: ${what} is ${of(first!.report)} in one, ${of(other.report)} in the other.`,
        );
}

function inOrder(files: readonly PartFile[]): readonly PartFile[] {
  const byNumber = new Map<number, PartFile>();
  for (const file of files) {
    const { number, of } = file.report.part;
    const same = byNumber.get(number);
    if (same !== undefined) throw new UsageError(`${same.path} and ${file.path} are both part ${number} of ${of}.`);
    byNumber.set(number, file);
  }
  const { of } = files[0]!.report.part;
  for (let number = 1; number <= of; number++)
    if (!byNumber.has(number)) throw new UsageError(`Part ${number} of ${of} is missing${andMore(byNumber.size, of)}.`);
  return [...byNumber.values()].sort((a, b) => a.report.part.number - b.report.part.number);
}

const andMore = (there: number, of: number): string => (of - there > 1 ? `, and ${of - there - 1} more` : '');
