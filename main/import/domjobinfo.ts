// `virsh domjobinfo` text: one snapshot, or many one after another (a loop around the command).
//
// Format: tools/virsh-domain.c, cmdDomjobinfo: "%-17s %s" lines; sizes are rounded to three decimals of a unit, so bytes
// here are as exact as that. Lines that we do not know are left aside: newer libvirts print more. Only English output
// can be read (LC_ALL=C). The axis is "Time elapsed"; a snapshot that falls back to an earlier time, or follows the end,
// belongs to the next migration.

import { KIB, NS_PER_MS } from '../../engine/core/units.ts';
import type { Known } from '../../engine/experiment/result.ts';
import { isFinal, NO_FIGURES, type Figures } from '../qemu/figures.ts';
import { endingOf, observe, stepsOf, type ImportedRun, type Snapshot } from './imported.ts';
import { ImportError, quote } from './problem.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;
const STATUS: Readonly<Record<string, string>> = {
  None: '',
  Bounded: 'active',
  Unbounded: 'active',
  Completed: 'completed',
  Failed: 'failed',
  Cancelled: 'cancelled',
};
const FIRST_KEY = 'Job type';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Read = (figures: Mutable<Figures>, value: string) => boolean;

const count =
  (
    key: 'normalPages' | 'zeroPages' | 'dirtyPagesPerSecond' | 'syncs' | 'postcopyRequests' | 'pageBytes',
    unit = '',
  ): Read =>
  (figures, value) =>
    set(figures, key, whole(value, unit));
const time =
  (key: 'elapsedNs' | 'downtimeNs' | 'expectedDowntimeNs' | 'setupNs'): Read =>
  (figures, value) => {
    const ms = whole(value, 'ms');
    return set(figures, key, ms === null ? null : ms * NS_PER_MS);
  };
const size =
  (key: 'sentBytes' | 'remainingBytes' | 'ramBytes' | 'normalBytes' | 'xbzrleBytes'): Read =>
  (figures, value) =>
    set(figures, key, bytes(value));

/** What we read, by its label. Memory counts, not data: data includes disks. */
const KEYS: Readonly<Record<string, Read>> = {
  'Time elapsed': time('elapsedNs'),
  'Memory processed': size('sentBytes'),
  'Memory remaining': size('remainingBytes'),
  'Memory total': size('ramBytes'),
  'Memory bandwidth': (figures, value) =>
    set(figures, 'bytesPerSecond', value.endsWith('/s') ? bytes(value.slice(0, -2)) : null),
  'Dirty rate': count('dirtyPagesPerSecond', 'pages/s'),
  'Page size': count('pageBytes', 'bytes'),
  Iteration: count('syncs'),
  'Postcopy requests': count('postcopyRequests'),
  'Constant pages': count('zeroPages'),
  'Normal pages': count('normalPages'),
  'Normal data': size('normalBytes'),
  'Total downtime': time('downtimeNs'),
  'Expected downtime': time('expectedDowntimeNs'),
  'Setup time': time('setupNs'),
  'Compressed data': size('xbzrleBytes'),
  'Auto converge throttle': (figures, value) => {
    const percent = whole(value, '');
    return percent !== null && percent <= 100 && set(figures, 'throttlePercent', percent);
  },
  'Error message': (figures, value) => {
    figures.errorText = value.slice(0, 1000);
    return true;
  },
};

export const looksLikeDomjobinfo = (text: string): boolean => /^\s*Job type:/m.test(text.slice(0, 65_536));

export function readDomjobinfo(text: string, file: string): ImportedRun[] {
  const groups: Snapshot[][] = [[]];
  for (const { line, figures, operation } of snapshotsOf(text, file)) {
    if (operation !== '' && !/migration/i.test(operation))
      throw new ImportError(file, { line }, `the job is ${quote(operation)}, not a migration`);
    if (figures.status === '') continue; // "None": no job at that moment
    const timeNs = figures.elapsedNs ?? (isFinal(figures.status) ? (groups.at(-1)!.at(-1)?.timeNs ?? 0) : null);
    if (timeNs === null) throw new ImportError(file, { line }, 'this snapshot has no "Time elapsed"');
    const before = groups.at(-1)!.at(-1);
    if (
      before !== undefined &&
      (timeNs < before.timeNs || (isFinal(before.figures.status) && !isFinal(figures.status)))
    )
      groups.push([]);
    groups.at(-1)!.push({ timeNs, figures });
  }
  const runs = groups.filter((group) => group.length > 0);
  if (runs.length === 0) throw new ImportError(file, {}, 'no snapshot of a job that runs or has run');
  return runs.map((snapshots, i) => ({
    name: runs.length === 1 ? file : `${file} (${i + 1} of ${runs.length})`,
    format: 'domjobinfo',
    settings: {},
    observations: observe(snapshots),
    events: stepsOf(snapshots),
    ending: endingOf(snapshots, { startNs: 0, endNs: snapshots.at(-1)!.timeNs, parts: { roundedBytes: true } }),
  }));
}

interface Block {
  readonly line: number;
  readonly figures: Mutable<Figures>;
  operation: string;
}

function snapshotsOf(text: string, file: string): Block[] {
  const blocks: Block[] = [];
  let line = 0;
  for (const raw of text.split('\n')) {
    line++;
    const match = /^\s*([A-Za-z][A-Za-z /]{1,40}):\s*(.*?)\s*$/.exec(raw.length > 2000 ? raw.slice(0, 2000) : raw);
    if (match === null) continue;
    const [, key, value] = match as unknown as [string, string, string];
    if (key === FIRST_KEY) {
      const status = Object.hasOwn(STATUS, value) ? STATUS[value] : undefined;
      if (status === undefined) throw new ImportError(file, { line, path: key }, `${quote(value)} is no type of job`);
      blocks.push({ line, figures: { ...NO_FIGURES, status }, operation: '' });
      continue;
    }
    const block = blocks.at(-1);
    if (block === undefined) continue; // a prompt or a comment before the first snapshot
    if (key === 'Operation') block.operation = value;
    const read = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (read !== undefined && !read(block.figures, value))
      throw new ImportError(file, { line, path: key }, `${quote(value)} is not what virsh prints there`);
  }
  return blocks;
}

function set<Key extends keyof Figures>(figures: Mutable<Figures>, key: Key, value: Figures[Key] & Known): boolean {
  if (value === null) return false;
  figures[key] = value;
  return true;
}

/** Digits and, where one is expected, the unit. */
function whole(value: string, unit: string): number | null {
  const match = /^(\d{1,16})(?:\s+(\S+))?$/.exec(value);
  if (match === null || (match[2] ?? '') !== unit) return null;
  const number = Number(match[1]);
  return Number.isSafeInteger(number) ? number : null;
}

function bytes(value: string): number | null {
  const match = /^(\d{1,16}(?:\.\d{1,6})?)\s+([KMGTPE]?i?B)$/.exec(value.trim());
  if (match === null) return null;
  const power = UNITS.indexOf(match[2] as (typeof UNITS)[number]);
  const number = power === -1 ? NaN : Math.round(Number(match[1]) * KIB ** power);
  return Number.isSafeInteger(number) ? number : null;
}
