/** The part of a campaign that was asked for, on as many processes as were asked for. */
import type { CampaignOptions, CampaignResult } from '../lab/campaign.ts';
import { partOf, WHOLE } from '../lab/segments.ts';
import type { Subject } from '../lab/subject.ts';
import type { Shard } from './part.ts';

export async function runSplit(
  subject: Subject,
  { workers, shard }: { readonly workers: number; readonly shard?: Shard },
  options: CampaignOptions,
): Promise<CampaignResult> {
  const slice = shard === undefined ? WHOLE : partOf(WHOLE, shard.number - 1, shard.of);
  if (workers === 1 && isShort(options)) {
    const { runCampaign } = await import('../lab/campaign.ts');
    return runCampaign(subject, { ...options, slice });
  }
  const { runWorkers } = await import('./workers.ts');
  return await runWorkers(subject, workers, { ...options, slice });
}

/** Starting a process takes as long as some hundred cases, and one that is set up for campaigns is a twentieth faster. */
const isShort = ({ cases, milliseconds }: CampaignOptions): boolean => cases < 5000 || milliseconds < 5000;
