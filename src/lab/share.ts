/** What a part of a campaign did, and what several did together. */
import type { CampaignResult } from './campaign.ts';
import type { CoverageReport } from './guidance/report.ts';

/** What adds up. */
export type Share = Pick<CampaignResult, 'counts' | 'coverage' | 'reached'>;

/** Counts are added, what was reached is united, and what nobody saw is what none of them saw. Times are added too. */
export function joined(shares: readonly Share[]): Share {
  const counts = shares.map((share) => share.counts);
  const sum = (of: (share: Share) => number): number => shares.reduce((total, share) => total + of(share), 0);
  const arcs = united(shares.map(({ reached }) => reached.arcs));
  const met = united(shares.map(({ reached }) => reached.met));
  return {
    counts: {
      cases: sum((share) => share.counts.cases),
      steps: sum((share) => share.counts.steps),
      calls: sum((share) => share.counts.calls),
      errors: sum((share) => share.counts.errors),
      arcs: arcs.length,
      legalArcs: counts[0]!.legalArcs,
      milliseconds: sum((share) => share.counts.milliseconds),
    },
    coverage: joinedCoverage(
      shares.map(({ coverage }) => coverage),
      met.length,
    ),
    reached: { arcs, met },
  };
}

function joinedCoverage(reports: readonly CoverageReport[], met: number): CoverageReport {
  const [first] = reports;
  const { heat, places } = first!;
  return {
    met,
    heat: heat.map((row, from) =>
      row.map((_, to) => reports.reduce((total, report) => total + report.heat[from]![to]!, 0)),
    ),
    places,
    arcsNeverTaken: common(reports.map(({ arcsNeverTaken }) => arcsNeverTaken)),
    errnosNeverSeen: common(reports.map(({ errnosNeverSeen }) => errnosNeverSeen)),
  };
}

const united = (lists: readonly (readonly number[])[]): number[] => [...new Set(lists.flat())].sort((a, b) => a - b);

const common = ([first, ...others]: readonly (readonly string[])[]): string[] =>
  first!.filter((name) => others.every((list) => list.includes(name)));
