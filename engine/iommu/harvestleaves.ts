// The leaves of a harvest: shadow lines of leaf tables, queued so that their cache misses overlap, and single leaves of any kind.
//
// A line is one shadow word and the 32 entries it stands for. At 0.1 % dirty nearly every line costs two misses (the word, the
// entry) that depend on each other; 64 lines at a time cost two rounds of overlapping ones.
import type { TableArena } from './arena.ts';
import { loadAhead } from './loadahead.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { DirtyRuns } from './runs.ts';
import type { TableState } from './tablestate.ts';
import { firstReplica, leafIsDirty, replicas } from './walking.ts';

export interface HarvestOptions {
  readonly clear: boolean;
  /** The defect of Linux 7.x: of a repeated leaf that lies wholly in the range the last item is not recorded, yet cleaned. */
  readonly dropLastOfReplicated?: boolean;
}

/** One read of [first, last]. */
export interface HarvestPass {
  readonly table: TableState;
  readonly first: number;
  readonly last: number;
  readonly options: HarvestOptions;
  readonly runs: DirtyRuns;
}

// Scratch, empty between passes: shadow word, its bits within the range, and the granule of its first entry.
const LINES = 64;
const lineWord = new Int32Array(LINES);
const lineBits = new Int32Array(LINES);
const lineGranule = new Float64Array(LINES);
const lineEntry = new Int32Array(LINES);
let linesQueued = 0;
/** Keeps the loads ahead alive. */
export let seen = 0;

/** Leaves a line for later; what is queued is performed in order. */
export function queueLine(pass: HarvestPass, w: number, granule: number, within: number): void {
  lineWord[linesQueued] = w;
  lineBits[linesQueued] = within;
  lineGranule[linesQueued] = granule;
  if (++linesQueued === LINES) drainLines(pass);
}

/** Performs what is queued. */
export function drainLines(pass: HarvestPass): void {
  const { arena } = pass.table;
  const { shadow } = arena;
  const count = linesQueued;
  linesQueued = 0;
  for (let i = 0; i < count; i++) lineBits[i]! &= shadow[lineWord[i]!]!;
  for (let i = 0; i < count; i++) {
    const bits = lineBits[i]!;
    lineEntry[i] = lineWord[i]! * 32 + (bits === 0 ? 0 : 31 - Math.clz32(bits & -bits));
  }
  if (count > 4) seen ^= loadAhead(arena.words, lineEntry);
  for (let i = 0; i < count; i++) {
    const bits = lineBits[i]!;
    const e = lineWord[i]! * 32;
    const granule = lineGranule[i]!;
    if (bits === 0) continue;
    let done: number;
    if (bits === -1 && harvestFull(pass, e)) {
      pass.runs.push(granule, 32);
      done = pass.options.clear ? bits : 0;
    } else {
      done = harvestBits(pass, granule, e, bits);
    }
    if (done !== 0) dropBits(arena, lineWord[i]!, done);
  }
}

/** Clears shadow bits that lead to dirt no more, and what led to them. */
export function dropBits(arena: TableArena, shadowWord: number, done: number): void {
  const { shadow, summary, parent, slotsPerTable } = arena;
  let w = shadowWord;
  let bits = done;
  for (;;) {
    const word = shadow[w]! & ~bits;
    shadow[w] = word;
    if (word !== 0 || bits === 0) return;
    const slot = w >>> 4;
    const lines = summary[slot]! & ~(1 << (w & 15));
    summary[slot] = lines;
    if (lines !== 0) return;
    const first = slot - (slot % slotsPerTable);
    for (let s = first; s < first + slotsPerTable; s++) if (summary[s] !== 0) return;
    const e = parent[first]!;
    if (e < 0) return;
    w = e >>> 5;
    bits = 1 << (e & 31);
  }
}

/** Entries e + each of `bits` of a leaf table; `e` translates `granule`. Answers the bits that lead to dirt no more. */
function harvestBits(pass: HarvestPass, granule: number, e: number, bits: number): number {
  const { table, options, runs } = pass;
  const { format, cost } = table;
  const { words } = table.arena;
  const { presentLo, replicaLo, dirtyLo, dirtyXorLo, dirtyHiShift, dirtyHiAlways, cleanClearLo, cleanSetLo } = format;
  let done = options.clear ? bits : 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    const i = e + 31 - Math.clz32(bit);
    const at = (i << 1) >>> 0;
    const lo = words[at]!;
    if (replicaLo !== 0 && (lo & replicaLo) === replicaLo) {
      if (!harvestLeaf(pass, 0, granule + i - e, i)) done |= bit;
      continue;
    }
    const dirty = (lo ^ dirtyXorLo) & ((words[at + 1]! >> dirtyHiShift) | dirtyHiAlways) & dirtyLo;
    if (dirty === 0 || (lo & presentLo) === 0) {
      done |= bit;
      continue;
    }
    runs.push(granule + i - e, 1);
    if (!options.clear) continue;
    words[at] = (lo & ~cleanClearLo) | cleanSetLo;
    cost.entries++;
    cost.flushes = 1;
  }
  return done;
}

/** Whether all of 32 granule-sized entries are plain, present and dirty; if so they are cleaned, if that is asked. */
function harvestFull({ table, options }: HarvestPass, e: number): boolean {
  const { format, cost } = table;
  const { words } = table.arena;
  const { presentLo, replicaLo, dirtyLo, dirtyXorLo, dirtyHiShift, dirtyHiAlways, cleanClearLo, cleanSetLo } = format;
  const from = (e << 1) >>> 0;
  const to = from + 64;
  // What all 32 have and what any has: two operations an entry, and three tests for all.
  let all = -1;
  let any = 0;
  for (let at = from; at < to; at += 2) {
    const lo = words[at]!;
    all &= lo;
    any |= lo;
  }
  // A format tells dirt by a bit that is set, or (under dirtyXorLo) by one that is not.
  let dirty = (all & ~dirtyXorLo) | (~any & dirtyXorLo);
  if (dirtyHiAlways === 0) {
    let allHi = -1;
    for (let at = from + 1; at < to; at += 2) allHi &= words[at]!;
    dirty &= allHi >> dirtyHiShift;
  }
  if ((dirty & dirtyLo) !== dirtyLo || (any & replicaLo) !== 0 || (all & presentLo) === 0) return false;
  if (!options.clear) return true;
  for (let at = from; at < to; at += 2) words[at] = (words[at]! & ~cleanClearLo) | cleanSetLo;
  cost.entries += 32;
  cost.flushes = 1;
  return true;
}

/** One leaf of any kind, met at its entry `e`, which translates `granule`: a block, or one of repeated entries. Answers whether it is dirty. */
export function harvestLeaf(pass: HarvestPass, level: number, granule: number, e: number): boolean {
  const { table, first, last, options, runs } = pass;
  const { arena, format, cost } = table;
  const { words } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const log2 = entry.leafSizeLog2(format, level, words[2 * e]!, words[2 * e + 1]!);
  const group = firstReplica(table, e, level, log2);
  const all = replicas(table, level, log2);
  if (!leafIsDirty(table, e, level, log2)) return false;
  const groupFirst = granule - (e - group) * itemSize;
  const groupEnd = groupFirst + all * itemSize;
  if (all === 1) {
    runs.push(Math.max(first, granule), itemSize);
  } else {
    // A bit left by an earlier read can lead to a clean replica: the leaf's turn comes at another.
    if (!isFirstMet(pass, group, e, granule, groupFirst, itemSize)) return true;
    // The walk enters at the item that holds `start` and records items to the group's end, or the range's.
    const start = Math.max(first, groupFirst);
    const entered = Math.floor((start - groupFirst) / itemSize) * itemSize + groupFirst;
    const whole = groupEnd - 1 <= last;
    const items = whole ? (groupEnd - entered) / itemSize : Math.floor((last - entered) / itemSize) + 1;
    const recorded = whole && options.dropLastOfReplicated === true ? items - 1 : items;
    if (recorded > 0) runs.push(start, recorded * itemSize);
  }
  if (options.clear) {
    for (let i = group; i < group + all; i++) words[2 * i] = entry.cleaned(format, words[2 * i]!);
    cost.entries += all;
    cost.flushes = 1;
  }
  return true;
}

/**
 * Several replicas can lead here, dirty or not; the leaf is recorded once: at the entry where the range enters it, else at its first
 * dirty replica, else (all of its dirt lies beyond the range) at the entry where the range ends.
 */
function isFirstMet(
  { table, first, last }: HarvestPass,
  group: number,
  e: number,
  granule: number,
  groupFirst: number,
  itemSize: number,
): boolean {
  if (groupFirst < first) return granule <= first && first < granule + itemSize;
  const { words } = table.arena;
  for (let i = group; i < e; i++) {
    if (entry.isDirty(table.format, words[2 * i]!, words[2 * i + 1]!)) return false;
  }
  return (
    entry.isDirty(table.format, words[2 * e]!, words[2 * e + 1]!) || (granule <= last && last < granule + itemSize)
  );
}
