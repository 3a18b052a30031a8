// What a file says of the run it came from, for formats with room for facts beside the data: flat texts under `brownout.` keys.
import { exactJson } from '../contract/exactJson.ts';
import type { StoredRun } from '../store/rows.ts';

export function aboutRun({ row, experiment, summary }: StoredRun): Record<string, string> {
  const facts: Readonly<Record<string, string | null>> = {
    uid: row.uid,
    name: row.name,
    source: row.sourceText,
    engine: row.engineVersion,
    seed: String(row.seed),
    hash: row.hash,
    status: row.status,
    created: new Date(row.createdMs).toISOString(),
    sampling_ns: String(row.samplingNs),
    experiment,
    summary: summary === null ? null : exactJson(summary),
  };
  return Object.fromEntries(
    Object.entries(facts).flatMap(([key, value]) => (value === null ? [] : [[`brownout.${key}`, value]])),
  );
}
