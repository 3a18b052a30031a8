// Measured migrations as validation sees them: what was configured, how fast the guest wrote before, and (unless it was
// removed) what happened. A predictor may read configuration, environment and the write rate before the migration; the rest
// is read here only to be compared with the prediction.
//
// One broken file never costs the others their prediction, and a broken measurement not that of its own configuration.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NS_PER_MS } from '../../engine/core/units.ts';
import { figuresOfMigrate, NO_FIGURES, type Figures } from '../qemu/figures.ts';
import { parseDocument } from '../import/json.ts';
import {
  lastActiveRow,
  looksLikeMeasured,
  measuredFile,
  sampleRows,
  type MeasuredFile,
  type MeasuredRepeat,
} from '../import/measured-file.ts';
import { ImportError } from '../import/problem.ts';
import { decode } from '../import/read.ts';
import { readConfig, type MeasuredConfig } from './config.ts';

/** Outcomes as the measurements name them. */
export type MigrationOutcome = 'converged' | 'converged-throttled' | 'cancelled-not-converging';

/** One repeat of a measured migration. What a run that did not converge cannot have is null. */
export interface Repeat {
  readonly outcome: MigrationOutcome;
  readonly totalMs: number | null;
  readonly downtimeMs: number | null;
  readonly bytes: number;
  readonly rounds: number;
}

/** What only calibration reads of a repeat. */
export interface RepeatDetail {
  readonly setupMs: number | null;
  readonly stopToResumeMs: number | null;
  readonly stoppedBytes: number | null;
  readonly normalPages: number;
  readonly zeroPages: number;
  readonly windowEndsMs: readonly number[];
  readonly windowBytesPerMs: readonly number[];
}

export interface Measured {
  readonly name: string;
  readonly file: string;
  readonly config: MeasuredConfig;
  readonly environment: MeasuredEnvironment;
  /** Page writes per second before each repeat's migration. */
  readonly ratesBefore: readonly number[];
  readonly repeats: readonly Repeat[];
  /** In the order of `repeats`. */
  readonly details: readonly RepeatDetail[];
}

export interface MeasuredEnvironment {
  /** As the file words it; '' where it does not say. */
  readonly accelerator: string;
  readonly qemu: string;
  readonly vcpus: number;
  /** CPUs that both ends share; null: the file does not say, or they are on two hosts. */
  readonly sharedCpus: number | null;
}

export interface MeasuredFolder {
  readonly measured: readonly Measured[];
  /** Files that cannot be predicted, and why. */
  readonly problems: readonly ImportError[];
  /** What was left aside: other documents, measurements that cannot be read, fields that are not known. */
  readonly notes: readonly string[];
}

const MAX_FILE_BYTES = 64 << 20;

/** Every `*.json` file of a folder, by name; or one file. Throws ImportError where there is nothing to read. */
export function readMeasuredFolder(path: string): MeasuredFolder {
  const files = filesOf(path);
  const measured: Measured[] = [];
  const problems: ImportError[] = [];
  const notes: string[] = [];
  const unknown = new Map<string, number>();
  for (const file of files) {
    try {
      const read = readMeasuredFile(file);
      if (read === undefined) {
        notes.push(`${file}: no measured migration (it has no "config"): left aside`);
        continue;
      }
      measured.push(read.measured);
      notes.push(...read.notes);
      for (const field of read.unknown) unknown.set(field, (unknown.get(field) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      problems.push(error);
    }
  }
  for (const [field, count] of unknown)
    notes.push(`${field}: not known here and not considered (${count} ${count === 1 ? 'file' : 'files'})`);
  if (measured.length === 0 && problems.length === 0)
    throw new ImportError(path, {}, 'holds no *.json file of a measured migration');
  return { measured, problems, notes };
}

/** One file that must be a measured migration. */
export function readMeasured(file: string): Measured {
  const read = readMeasuredFile(file);
  if (read === undefined) throw new ImportError(file, { path: 'config' }, 'is missing: no measured migration');
  return read.measured;
}

function filesOf(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => name.endsWith('.json'));
    return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name));
  } catch (error) {
    throw new ImportError(path, {}, `cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}

interface Read {
  readonly measured: Measured;
  readonly notes: readonly string[];
  readonly unknown: readonly string[];
}

/** undefined: some other JSON document. */
function readMeasuredFile(file: string): Read | undefined {
  let bytes: Uint8Array;
  try {
    if (statSync(file).size > MAX_FILE_BYTES) throw new ImportError(file, {}, 'is larger than 64 MiB');
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof ImportError) throw error;
    throw new ImportError(file, {}, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  const value = parseDocument(decode(bytes, file), file);
  if (!looksLikeMeasured(value)) return undefined;
  try {
    return readOf(measuredFile(value, file), file, []);
  } catch (error) {
    if (!(error instanceof ImportError) || error.path?.startsWith('config') === true) throw error;
    // The configuration alone is enough for a prediction.
    const note = `${error.message}: predicted all the same, without a measurement to compare with`;
    return readOf(measuredFile(withoutMeasurement(value), file), file, [note]);
  }
}

/** Configuration and the rate before, as far as they can be told. */
function withoutMeasurement(value: unknown): unknown {
  const { name, config, environment, guest_rate: rate, repeats } = value as Record<string, unknown>;
  const before = (holder: unknown): unknown => {
    const rates = (holder as { before_pages_per_s?: unknown } | null | undefined)?.before_pages_per_s;
    return typeof rates === 'number' && Number.isFinite(rates) && rates >= 0 ? { before_pages_per_s: rates } : null;
  };
  return {
    ...{ name: typeof name === 'string' && name !== '' ? name : null, config, environment, guest_rate: before(rate) },
    repeats: Array.isArray(repeats)
      ? repeats.map((repeat) => ({ guest_rate: before((repeat as { guest_rate?: unknown } | null)?.guest_rate) }))
      : null,
  };
}

function readOf(contents: MeasuredFile, file: string, notes: readonly string[]): Read {
  const { config, unknown } = readConfig(contents, file);
  const repeats = contents.repeats ?? [];
  const ratesBefore = [...repeats.map((repeat) => repeat.guest_rate), contents.guest_rate]
    .flatMap((entry) => entry?.before_pages_per_s)
    .filter((value) => typeof value === 'number');
  const whole = repeats.flatMap((repeat, i) => {
    const read = repeatOf(contents, repeat, `repeats[${i}]`, file);
    return read === null ? [] : [{ read, detail: detailOf(contents, repeat) }];
  });
  const measured: Measured = {
    name: contents.name ?? basename(file, '.json'),
    file,
    config,
    environment: environmentOf(contents),
    ratesBefore,
    repeats: whole.map(({ read }) => read),
    details: whole.map(({ detail }) => detail),
  };
  return { measured, notes, unknown };
}

function environmentOf({ config, environment }: MeasuredFile): MeasuredEnvironment {
  const text = (key: string): string => (typeof environment?.[key] === 'string' ? environment[key] : '');
  const vcpus = config['vcpus'] ?? environment?.['vcpus'];
  const cpus = environment?.['host_cpus'];
  const shared = text('source_and_destination') === 'same host' && typeof cpus === 'number' && cpus > 0;
  return {
    accelerator: text('accelerator'),
    qemu: text('qemu'),
    vcpus: typeof vcpus === 'number' ? vcpus : 1,
    sharedCpus: shared ? cpus : null,
  };
}

/** Null where what happened was removed from the file, or cannot be told. */
function repeatOf(contents: MeasuredFile, repeat: MeasuredRepeat, path: string, file: string): Repeat | null {
  const final = repeat.final ? figuresOfMigrate(repeat.final) : undefined;
  const outcome = outcomeOf(contents, repeat, final, path, file);
  if (outcome === undefined) return null;
  // Counters of a cancelled run: the last sample before the cancel.
  const ended = final !== undefined && final.sentBytes !== null;
  const { sentBytes, syncs } = (ended ? final : lastActiveRow(contents, repeat, path, file)?.figures) ?? NO_FIGURES;
  if (sentBytes === null || syncs === null) return null;
  const converged = outcome !== 'cancelled-not-converging';
  const ms = (ns: number | null | undefined): number | null =>
    ns === null || ns === undefined || !converged ? null : ns / NS_PER_MS;
  if (converged && (ms(final?.elapsedNs) === null || ms(final?.downtimeNs) === null)) return null;
  return {
    outcome,
    totalMs: ms(final?.elapsedNs),
    downtimeMs: ms(final?.downtimeNs),
    bytes: sentBytes,
    rounds: syncs,
  };
}

/** By the name the measurement gave it, which may be finer than ours; else by how it ended. */
function outcomeOf(
  contents: MeasuredFile,
  repeat: MeasuredRepeat,
  final: Figures | undefined,
  path: string,
  file: string,
): MigrationOutcome | undefined {
  const { outcome } = repeat;
  if (typeof outcome === 'string') {
    if (outcome.startsWith('converged-throttled')) return 'converged-throttled';
    if (outcome.startsWith('converged')) return 'converged';
    return outcome.startsWith('cancelled') ? 'cancelled-not-converging' : undefined;
  }
  if (final?.status === 'cancelled') return 'cancelled-not-converging';
  if (final?.status !== 'completed') return undefined;
  const throttled = sampleRows(contents, repeat, path, file).some(({ figures }) => (figures.throttlePercent ?? 0) > 0);
  return throttled ? 'converged-throttled' : 'converged';
}

function column(repeat: MeasuredRepeat, fields: MeasuredFile['window_fields'], name: string): number[] {
  const at = fields?.indexOf(name) ?? -1;
  return (repeat.bandwidth_windows ?? []).map((row) => Number(row[at])).filter(Number.isFinite);
}

function detailOf(contents: MeasuredFile, repeat: MeasuredRepeat): RepeatDetail {
  const ram = repeat.final?.ram;
  return {
    setupMs: repeat.marks?.['setup_complete_ms'] ?? null,
    stopToResumeMs: repeat.stop_to_resume_ms ?? null,
    stoppedBytes: ram?.['downtime-bytes'] ?? null,
    normalPages: ram?.normal ?? 0,
    zeroPages: ram?.duplicate ?? 0,
    windowEndsMs: column(repeat, contents.window_fields, 't_ms'),
    windowBytesPerMs: column(repeat, contents.window_fields, 'bandwidth_bytes_per_ms'),
  };
}
