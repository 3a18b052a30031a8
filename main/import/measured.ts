// Measured migrations as runs: each repeat of the file (measured-file.ts) becomes one.

import { NS_PER_MS } from '../../engine/core/units.ts';
import type { Known, Outcome, RunEvent } from '../../engine/experiment/result.ts';
import { WriteCurve } from '../qemu/curve.ts';
import { figuresOfMigrate, isFinal, nsOfMs, type Figures } from '../qemu/figures.ts';
import { endingOf, observe, stepsOf, type ImportedRun, type Snapshot } from './imported.ts';
import { measuredFile, sampleRows, type MeasuredFile, type MeasuredRepeat } from './measured-file.ts';
import { ImportError } from './problem.ts';

export function readMeasured(value: unknown, file: string): ImportedRun[] {
  const measured = measuredFile(value, file);
  const repeats = measured.repeats ?? [];
  const name = measured.name ?? file;
  const runs = repeats
    .map((repeat, i) => ({ repeat, path: `repeats[${i}]`, label: `${name} (${i + 1} of ${repeats.length})` }))
    .filter(({ repeat }) => (repeat.samples ?? repeat.final ?? null) !== null);
  if (runs.length === 0) throw new ImportError(file, { path: 'repeats' }, 'no measurement in it, only a configuration');
  return runs.map(({ repeat, path, label }) => runOf(measured, repeat, path, label, file));
}

function runOf(measured: MeasuredFile, repeat: MeasuredRepeat, path: string, name: string, file: string): ImportedRun {
  const reports = repeat.guest_rate?.reports_during ?? [];
  const samples = sampleRows(measured, repeat, path, file);
  // The guest's first report is where the run begins.
  const originMs = Math.min(0, ...reports.map(([t]) => t), ...samples.map(({ tMs: t }) => t));
  const at = (ms: number): number => Math.max(0, Math.round((ms - originMs) * NS_PER_MS));
  const startNs = at(0);
  const snapshots: Snapshot[] = samples.map(({ tMs: t, figures }) => ({ timeNs: at(t), figures }));
  const final = repeat.final ? figuresOfMigrate(repeat.final) : undefined;
  if (final !== undefined) {
    const endNs = Math.max(snapshots.at(-1)?.timeNs ?? 0, startNs + (final.elapsedNs ?? 0));
    // A cancelled migration keeps no counters: the last row has them.
    snapshots.push({ timeNs: endNs, figures: final });
  }
  if (snapshots.length === 0) throw new ImportError(file, { path }, 'neither samples nor a final answer');
  const last = snapshots.at(-1)!;

  const curve = new WriteCurve();
  for (const [t, , writes] of reports) curve.add(at(t), writes);
  let fromNs = 0;
  const observations = observe(snapshots).map((observation) => {
    const writesPerSecond = curve.rate(fromNs, observation.timeNs);
    fromNs = observation.timeNs;
    return { ...observation, writesPerSecond };
  });
  const syncs = repeat.iterations ?? [];
  const events = [...syncEvents(syncs, at), ...markEvents(repeat, at, startNs, last.timeNs), ...throttles(snapshots)];
  return {
    name,
    format: 'measured',
    settings: settingsOf(measured),
    observations,
    events: events.sort((a, b) => a.timeNs - b.timeNs),
    ending: endingOf(snapshots, {
      startNs,
      endNs: last.timeNs,
      ...outcomeOf(repeat, last.figures),
      parts: {
        harvestNs: syncs.length === 0 ? null : syncs.reduce((sum, sync) => sum + (nsOfMs(sync.sync_ms) ?? 0), 0),
        guestSpeed: speedOf(measured, repeat),
      },
    }),
  };
}

function syncEvents(syncs: NonNullable<MeasuredRepeat['iterations']>, at: (ms: number) => number): RunEvent[] {
  return syncs.map(({ t_ms: endMs, sync_ms: costMs, new_dirty_pages: pages }, i) => {
    const timeNs = at(endMs - (costMs ?? 0));
    const found = pages === null || pages === undefined ? '' : `: ${pages} pages newly dirty`;
    return {
      timeNs,
      durationNs: at(endMs) - timeNs,
      kind: 'harvest',
      text: `dirty sync ${i + 1}${found}`,
      detail: { round: i + 1, ...(pages === null || pages === undefined ? {} : { pages }) },
    };
  });
}

function markEvents(repeat: MeasuredRepeat, at: (ms: number) => number, startNs: number, endNs: number): RunEvent[] {
  const events: RunEvent[] = [];
  const add = (kind: RunEvent['kind'], fromNs: number, text: string, untilNs = fromNs): void => {
    events.push({ timeNs: fromNs, durationNs: Math.max(0, untilNs - fromNs), kind, text, detail: {} });
  };
  const ns = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : at(ms));
  const stopNs = ns(repeat.stop_ms);
  const resumeNs = ns(repeat.resume_ms);
  const activeNs = ns(repeat.marks?.['setup_complete_ms']);
  if (activeNs !== null) add('phase', startNs, 'setup', activeNs);
  add('phase', activeNs ?? startNs, 'precopy', stopNs ?? endNs);
  if (stopNs !== null) {
    add('phase', stopNs, 'switchover', resumeNs ?? endNs);
    add('stop', stopNs, 'the source stops the guest');
  }
  if (resumeNs !== null) add('resume', resumeNs, 'the guest runs at the destination');
  return events;
}

const throttles = (snapshots: readonly Snapshot[]): RunEvent[] =>
  stepsOf(snapshots).filter(({ kind }) => kind === 'throttle');

/** A run that was stopped because it took too long was cancelled by the measuring script. */
function outcomeOf(repeat: MeasuredRepeat, last: Figures): { outcome?: Outcome; reason?: string } {
  const continues = repeat.destination_continues === true ? '; the guest went on at the destination' : '';
  if (last.status === 'completed')
    return { outcome: 'completed', reason: `Measured as ${repeat.outcome ?? 'completed'}${continues}.` };
  if (last.status === 'cancelled' || (repeat.outcome ?? '').startsWith('cancelled'))
    return { outcome: 'timed-out', reason: `Measured as ${repeat.outcome ?? 'cancelled'}.` };
  return isFinal(last.status) || repeat.outcome === undefined ? {} : { reason: `Measured as ${repeat.outcome}.` };
}

function speedOf({ config }: MeasuredFile, { guest_rate: rate }: MeasuredRepeat): Known {
  const asked = config['target_page_writes_per_s'];
  const during = rate?.during_pages_per_s;
  if (typeof asked !== 'number' || !(asked > 0) || during === null || during === undefined) return null;
  return during / asked;
}

function settingsOf({ config, environment }: MeasuredFile): ImportedRun['settings'] {
  const found: [string, string | number | boolean][] = [];
  for (const [group, values] of [
    ['config', config],
    ['environment', environment ?? {}],
  ] as const)
    for (const [key, value] of Object.entries(values)) if (value !== null) found.push([`${group}.${key}`, value]);
  return Object.fromEntries(found);
}
