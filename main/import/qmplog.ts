// Logs of QMP: query-migrate answers one a line, or whole QMP traffic (both directions, events, other commands), pretty
// or not, with or without time stamps, with anything between the JSON objects.
//
// The axis is QEMU's own total-time. An answer without it (QEMU leaves it out when a migration was cancelled or failed)
// goes by its time stamp, else to where the answer before it was. Events (STOP, RESUME, MIGRATION_PASS) carry QEMU's wall
// clock; it is tied to the axis by answers that have both, or by the event that says `setup`.

import * as z from 'zod';
import type { RunEvent } from '../../engine/experiment/result.ts';
import { figuresOfMigrate, isFinal, migrateSchema, type Figures } from '../qemu/figures.ts';
import { endingOf, observe, stepsOf, type ImportedRun, type Snapshot } from './imported.ts';
import { checked, findObjects } from './json.ts';
import { ImportError } from './problem.ts';

/** qapi/migration.json, MigrationStatus; `none` is no migration. */
const STATUSES = new Set([
  ...['setup', 'cancelling', 'cancelled', 'active', 'postcopy-device', 'postcopy-active', 'postcopy-paused'],
  ...[
    'postcopy-recover-setup',
    'postcopy-recover',
    'completed',
    'failed',
    'failing',
    'colo',
    'pre-switchover',
    'device',
  ],
  'wait-unplug',
]);
const stampSchema = z.object({
  seconds: z.number().min(-1).max(1e11),
  microseconds: z.number().min(-1).max(999_999),
});
const SETTINGS_MAX = 200;
/** Keys under which loggers put a time stamp beside an answer. */
const STAMP_KEYS = ['timestamp', 'time', 'ts', 'now'] as const;

interface Told {
  readonly line: number;
  readonly figures: Figures;
  readonly wallMs: number | null;
}
interface Event {
  readonly name: string;
  readonly wallMs: number | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** How many answers of the migration stood before it. */
  readonly after: number;
}
type Settings = ImportedRun['settings'];
interface Migration {
  /** As commands before it set them. */
  readonly settings: Settings;
  readonly answers: Told[];
  readonly events: Event[];
}

export const looksLikeQmp = (text: string): boolean =>
  /"(?:return|execute|event|QMP)"\s*:|"dirty-sync-count"\s*:|"status"\s*:/.test(text.slice(0, 1_000_000));

export function readQmpLog(text: string, file: string): ImportedRun[] {
  const migrations: Migration[] = [{ settings: {}, answers: [], events: [] }];
  let settings: Settings = {};
  const begin = (): void => {
    migrations.push({ settings, answers: [], events: [] });
  };
  const current = (): Migration => migrations.at(-1)!;
  for (const { value, line, before } of findObjects(text, file)) {
    const message = value as Readonly<Record<string, unknown>>;
    if (typeof message['event'] === 'string') {
      const event = eventOf(message, current().answers.length, file, line);
      const begins = event.name === 'MIGRATION' && event.data['status'] === 'setup';
      if (begins && current().answers.length > 0) begin();
      current().events.push({ ...event, after: current().answers.length });
      continue;
    }
    if (message['execute'] === 'migrate-set-parameters') {
      settings = { ...settings, ...settingsIn(message['arguments']) };
      if (current().answers.length === 0) migrations[migrations.length - 1] = { ...current(), settings };
      continue;
    }
    const answer = answerIn(message);
    if (answer === undefined) continue;
    const figures = figuresOfMigrate(checked(migrateSchema, answer, file, { line }));
    const last = current().answers.at(-1)?.figures;
    const fallsBack = (figures.elapsedNs ?? Infinity) < (last?.elapsedNs ?? 0);
    if (last !== undefined && !isFinal(figures.status) && (isFinal(last.status) || fallsBack)) begin();
    current().answers.push({ line, figures, wallMs: stampOf(message, before, file, line) });
  }
  const found = migrations.filter(({ answers }) => answers.length > 0);
  if (found.length === 0) throw new ImportError(file, {}, 'no answer to query-migrate in it');
  return found.map((migration, i) =>
    runOf(migration, file, found.length === 1 ? file : `${file} (${i + 1} of ${found.length})`),
  );
}

/** Parameters of a migrate-set-parameters command. */
function settingsIn(parameters: unknown): Settings {
  if (typeof parameters !== 'object' || parameters === null) return {};
  const simple = Object.entries(parameters as Record<string, unknown>).filter(
    (entry): entry is [string, string | number | boolean] => ['string', 'number', 'boolean'].includes(typeof entry[1]),
  );
  return Object.fromEntries(
    simple.slice(0, SETTINGS_MAX).map(([key, value]) => [`migration.${key.slice(0, 100)}`, value]),
  );
}

/** The answer in `{"return": …}`, or the message itself where a logger wrote answers only. */
function answerIn(message: Readonly<Record<string, unknown>>): unknown {
  const inner = Object.hasOwn(message, 'return') ? message['return'] : message;
  if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, 'status')) return undefined;
  const { status } = inner as { status: unknown };
  return typeof status === 'string' && STATUSES.has(status) ? inner : undefined;
}

function eventOf(message: Readonly<Record<string, unknown>>, after: number, file: string, line: number): Event {
  const stamp = message['timestamp'];
  const wall = stamp === undefined ? undefined : checked(stampSchema, stamp, file, { line, path: 'timestamp' });
  const data = message['data'];
  return {
    name: message['event'] as string,
    wallMs: wall === undefined || wall.seconds < 0 ? null : wall.seconds * 1000 + wall.microseconds / 1000,
    data: typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {},
    after,
  };
}

function stampOf(
  message: Readonly<Record<string, unknown>>,
  before: string,
  file: string,
  line: number,
): number | null {
  for (const key of STAMP_KEYS) {
    if (!Object.hasOwn(message, key)) continue;
    const stamp = message[key];
    if (typeof stamp === 'object' && stamp !== null) {
      const { seconds, microseconds } = checked(stampSchema, stamp, file, { line, path: key });
      return seconds < 0 ? null : seconds * 1000 + microseconds / 1000;
    }
    if (typeof stamp === 'number' && Number.isFinite(stamp) && stamp >= 0) return stamp > 1e11 ? stamp : stamp * 1000;
    if (typeof stamp === 'string') return wallOf(stamp);
  }
  return wallOf(before);
}

/** An ISO date and time, or seconds since 1970. */
function wallOf(text: string): number | null {
  const iso = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?/.exec(text);
  if (iso !== null) {
    const ms = Date.parse(iso[0].replace(' ', 'T').replace(',', '.'));
    return Number.isNaN(ms) ? null : ms;
  }
  const seconds = /(?:^|[^\d.])(1\d{9}\.\d{1,9})(?:[^\d.]|$)/.exec(text);
  return seconds === null ? null : Number(seconds[1]) * 1000;
}

function runOf({ settings, answers, events }: Migration, file: string, name: string): ImportedRun {
  const startWallMs = startOf(answers, events);
  const snapshots: Snapshot[] = [];
  for (const { figures, wallMs, line } of answers) {
    const before = snapshots.at(-1)?.timeNs ?? 0;
    const byWall = wallMs === null || startWallMs === null ? null : Math.round((wallMs - startWallMs) * 1e6);
    const timeNs = figures.elapsedNs ?? byWall ?? (figures.status === 'setup' || snapshots.length > 0 ? before : null);
    if (timeNs === null) throw new ImportError(file, { line }, 'this answer has neither total-time nor a time stamp');
    snapshots.push({ timeNs: Math.max(before, timeNs), figures });
  }
  const told = events.flatMap((event) => tellEvent(event, placeOf(event, startWallMs, snapshots)));
  const passes = told.some(({ kind }) => kind === 'round');
  const steps = stepsOf(snapshots).filter(({ kind }) => kind !== 'round' || !passes);
  const all = [...told, ...steps].sort((a, b) => a.timeNs - b.timeNs);
  const endNs = Math.max(snapshots.at(-1)!.timeNs, ...all.map(({ timeNs }) => timeNs));
  return {
    name,
    format: 'qmp-log',
    settings,
    observations: observe(snapshots),
    events: all,
    ending: endingOf(snapshots, { startNs: 0, endNs }),
  };
}

/** The wall clock when the migration began. */
function startOf(answers: readonly Told[], events: readonly Event[]): number | null {
  for (const { figures, wallMs } of answers)
    if (wallMs !== null && figures.elapsedNs !== null && !isFinal(figures.status))
      return wallMs - figures.elapsedNs / 1e6;
  const setup = events.find(({ name, data }) => name === 'MIGRATION' && data['status'] === 'setup');
  if (setup !== undefined && setup.wallMs !== null) return setup.wallMs;
  const first = answers.find(({ wallMs }) => wallMs !== null);
  return first === undefined ? null : first.wallMs;
}

function placeOf({ wallMs, after }: Event, startWallMs: number | null, snapshots: readonly Snapshot[]): number {
  if (wallMs !== null && startWallMs !== null) return Math.max(0, Math.round((wallMs - startWallMs) * 1e6));
  return snapshots[after - 1]?.timeNs ?? 0;
}

function tellEvent({ name, data }: Event, timeNs: number): RunEvent[] {
  const event = (kind: RunEvent['kind'], text: string, detail: RunEvent['detail'] = {}): RunEvent[] => [
    { timeNs, durationNs: 0, kind, text, detail },
  ];
  switch (name) {
    case 'STOP':
      return event('stop', 'the guest is stopped');
    case 'RESUME':
      return event('resume', 'the guest runs');
    case 'MIGRATION_PASS': {
      const { pass } = data;
      return typeof pass === 'number' && Number.isSafeInteger(pass)
        ? event('round', `round ${pass}`, { round: pass })
        : [];
    }
    case 'MIGRATION': {
      const { status } = data;
      return typeof status === 'string' && STATUSES.has(status) ? event('note', `migration: ${status}`) : [];
    }
    default:
      return [];
  }
}
