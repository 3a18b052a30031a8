// What a run's experiment allows it, for its verdict. An imported run has no experiment of ours, and nothing is known.
import { parseExperiment } from '../../engine/experiment/parse.ts';
import { NO_LIMITS, type VerdictLimits } from '../contract/verdict.ts';

export function limitsOf(experiment: string): VerdictLimits {
  const parsed = parseExperiment(experiment, { fileName: '' });
  if (!parsed.ok) return NO_LIMITS;
  const { downtime_limit, postcopy } = parsed.experiment.migration;
  return { downtimeLimitNs: downtime_limit, postcopy: postcopy.enabled };
}
