// What a report holds, whatever it is written as: a title, a question and prose of its author; one run, or several side by side;
// charts, figures, verdicts; and what it takes to make all of it again: experiment files, seeds, engine versions, hashes.
//
// Composed here from the store; html.ts, markdown.ts and pdf.ts only write it down.
import { compareGathered } from '../compare/compare.ts';
import { gather } from '../compare/gather.ts';
import { letter } from '../compare/markdown.ts';
import type { Comparison } from '../contract/compare.ts';
import type { Verdict } from '../contract/verdict.ts';
import { verdictOf } from '../contract/verdict.ts';
import { limitsOf } from '../runs/limits.ts';
import type { StoredRun } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { ChartName, ReportTable } from '../contract/report.ts';
import { bundlesOf } from './bundles.ts';
import { chartsOf, type Chart } from './charts.ts';

export interface ReportRun {
  readonly stored: StoredRun;
  readonly verdict: Verdict;
  /** Its number, where the store is its reader's. */
  readonly id: number | null;
  /** The run itself, for who gets the report; null: not in it. */
  readonly bundle: Uint8Array | null;
}

export interface ReportDocument {
  readonly title: string;
  readonly question: string;
  /** Markdown. */
  readonly prose: string;
  readonly runs: readonly ReportRun[];
  /** With more than one run. */
  readonly comparison: Comparison | null;
  readonly charts: readonly Chart[];
  readonly tables: readonly ReportTable[];
  /** What the bundles in it may come to together; 0: none were wanted. */
  readonly bundleBytes: number;
  /** When it was made, as ISO 8601; '' leaves it out, so that the same runs give the same bytes. */
  readonly made: string;
  /** Of the program that made it. */
  readonly version: string;
}

export interface ReportPlace {
  readonly store: Store;
  readonly id: number;
  readonly kept: boolean;
}

export interface ReportRequest {
  /** '': the name of the run, or what is compared. */
  readonly title: string;
  /** null: that of the experiment, if all runs ask the same. */
  readonly question: string | null;
  /** null: the notes of the experiment and of the run. */
  readonly prose: string | null;
  /** Position of the run that the others are held against. */
  readonly baseline: number;
  readonly charts: readonly ChartName[];
  readonly tables: readonly ReportTable[];
  readonly bundleBytes: number;
  readonly made: string;
  readonly version: string;
}

export function composeReport(places: readonly ReportPlace[], request: ReportRequest): ReportDocument {
  const gathered = places.map(({ store, id, kept }) => gather(store, [id], { kept })[0]!);
  const bundles = bundlesOf(places, request.bundleBytes);
  const runs = gathered.map(({ stored }, i): ReportRun => {
    const { id, kept } = places[i]!;
    const verdict = verdictOf(stored, limitsOf(stored.experiment));
    return { stored, verdict, id: kept ? id : null, bundle: bundles[i]! };
  });
  const comparison = runs.length > 1 ? compareGathered(gathered, request.baseline) : null;
  const asked = new Set(gathered.map(({ configured }) => configured?.experiment.question ?? ''));
  const notes =
    gathered.length === 1 ? ownNotes(gathered[0]!.configured?.experiment.notes, gathered[0]!.stored.row.note) : '';
  return {
    title: request.title === '' ? titleOf(comparison, runs) : request.title,
    question: request.question ?? (asked.size === 1 ? [...asked][0]! : ''),
    prose: request.prose ?? notes,
    runs,
    comparison,
    charts: chartsOf(
      places.map(({ store, id }, i) => {
        const group = comparison?.runs[i]!.group ?? 0;
        const label = comparison === null ? '' : letter(group);
        return { store, id, stored: runs[i]!.stored, anchors: gathered[i]!.compared.anchors, group, label };
      }),
      request.charts,
    ),
    tables: request.tables,
    bundleBytes: request.bundleBytes,
    made: request.made,
    version: request.version,
  };
}

const ownNotes = (...notes: readonly (string | undefined)[]): string =>
  notes.filter((note) => note !== undefined && note.trim() !== '').join('\n\n');

function titleOf(comparison: Comparison | null, runs: readonly ReportRun[]): string {
  const names = [...new Set(runs.map(({ stored }) => stored.row.name))];
  if (comparison === null || names.length === 1) return names[0] ?? 'Nothing';
  return names.length === 2 ? `${names[0]!} and ${names[1]!}` : `${names.length} experiments side by side`;
}
