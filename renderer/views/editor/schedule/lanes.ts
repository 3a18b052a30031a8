// The changes of a file as lanes of a timeline: one for each thing that changes. What happens at a moment of the migration
// (`on: round 3`) has no place on an axis of time and is listed apart.
import { isGroup, valueAt } from '../document/edits.ts';
import { shownValue } from '../schema/spelling.ts';
import { timeOf } from './times.ts';

export interface Change {
  /** Position in the file's list. */
  readonly index: number;
  readonly what: string;
  /** Null: at a moment of the migration, or not readable. */
  readonly atNs: number | null;
  /** `round 3 + 100ms`; '' where it happens at a time. */
  readonly moment: string;
  readonly everyNs: number | null;
  readonly times: number;
  readonly target: string;
  /** For reading: `unmap 2MiB`. */
  readonly label: string;
}
export interface Lane {
  readonly kind: 'device' | 'dimm' | 'map' | 'migration';
  readonly name: string;
  readonly changes: readonly Change[];
}

/** Devices that have a lane although nothing happens to them yet. */
const IDLE_DEVICES = 6;
export const MAP_LANE = 'memory map';
export const MIGRATION_LANE = 'migration';

export function changesOf(file: unknown): Change[] {
  const list = valueAt(file, ['changes']);
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown, index) => {
    if (!isGroup(one)) return [];
    const text = (key: string): string => shownValue(one[key]);
    const what = text('do');
    const delay = text('delay');
    const times = one['times'];
    return [
      {
        index,
        what,
        atNs: timeOf(one['at']),
        moment: text('on') === '' ? '' : `${text('on')}${delay === '' ? '' : ` + ${delay}`}`,
        everyNs: timeOf(one['every']),
        times: typeof times === 'number' ? times : 1,
        target: targetOf(what, text('device'), text('dimm')),
        label: [what, text('size'), text('to') === '' ? '' : `→ ${text('to')}`, text('rate')].filter(Boolean).join(' '),
      },
    ];
  });
}

function targetOf(what: string, device: string, dimm: string): string {
  return device || dimm || (what === 'region' ? MAP_LANE : MIGRATION_LANE);
}

export function lanesOf(file: unknown): Lane[] {
  const changes = changesOf(file);
  const of = (name: string): readonly Change[] =>
    changes.filter(({ target, moment }) => target === name && moment === '');
  const devices = namesOf(valueAt(file, ['devices']));
  const dimms = namesOf(valueAt(file, ['guest', 'dimms']));
  const known = new Set([...devices, ...dimms, MAP_LANE, MIGRATION_LANE]);
  const unknown = [...new Set(changes.map(({ target }) => target))].filter((name) => !known.has(name));
  return [
    ...devices
      .filter((name, i) => i < IDLE_DEVICES || of(name).length > 0)
      .map((name): Lane => ({ kind: 'device', name, changes: of(name) })),
    // A name that is not in the file (any more): shown, for the check says what is wrong.
    ...unknown.map((name): Lane => ({ kind: 'device', name, changes: of(name) })),
    ...dimms.map((name): Lane => ({ kind: 'dimm', name, changes: of(name) })),
    { kind: 'map', name: MAP_LANE, changes: of(MAP_LANE) },
    { kind: 'migration', name: MIGRATION_LANE, changes: of(MIGRATION_LANE) },
  ];
}

function namesOf(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return [
    ...new Set(list.flatMap((one: unknown) => (isGroup(one) && typeof one['name'] === 'string' ? [one['name']] : []))),
  ];
}

/** How far the axis reaches: all first times, and some room behind. */
export function axisEnd(changes: readonly Change[], startNs: number, simulatedNs: number): number {
  const last = changes.reduce((most, { atNs }) => Math.max(most, atNs ?? 0), 0);
  return Math.max(1e8, simulatedNs, startNs * 1.5, last * 1.15);
}

/** The times of a change that fall on the axis; more than `most` are not told apart. */
export function repeatsOf({ atNs, everyNs, times }: Change, endNs: number, most: number): number[] {
  if (atNs === null) return [];
  if (everyNs === null || everyNs <= 0 || times <= 1) return [atNs];
  const count = Math.min(times, most, Math.floor(Math.max(0, endNs - atNs) / everyNs) + 1);
  return Array.from({ length: count }, (_, i) => atNs + i * everyNs);
}

/** Rows for the markers of a lane, so that none hides another's words: each takes the first row that is free where it stands. */
export function rowsOf(places: readonly { readonly x: number; readonly width: number }[]): readonly number[] {
  const ends: number[] = [];
  const rows = new Array<number>(places.length).fill(0);
  for (const [at, { x, width }] of [...places.entries()].sort(([, a], [, b]) => a.x - b.x)) {
    const free = ends.findIndex((end) => end <= x);
    const row = free >= 0 ? free : Math.min(ends.length, MOST_ROWS - 1);
    ends[row] = Math.max(ends[row] ?? 0, x + width);
    rows[at] = row;
  }
  return rows;
}
/** A lane with more at one place than this is dense; then markers do overlap. */
const MOST_ROWS = 6;

/** What can be done on a lane. */
export const KINDS_ON: Readonly<Record<Lane['kind'], readonly string[]>> = {
  device: ['unmap', 'map', 'unmap-all', 'driver', 'device-rate', 'plug-device', 'unplug-device'],
  dimm: ['plug-memory', 'unplug-memory'],
  map: ['region'],
  migration: ['set', 'cancel', 'fail-destination', 'lose-link', 'start-postcopy', 'migrate'],
};
