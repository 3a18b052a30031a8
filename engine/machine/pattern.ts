// Where a workload writes. A pattern turns "make so many page writes now" into RAM pages, as lists or as runs, and hands
// them to a PageTarget. It draws from the group's own random stream, so that groups do not shift each other.
//
//   sequential  sweeps the region in address order, round and round
//   uniform     draws pages of the region with replacement
//   hotcold     gives a share of the writes to the first pages of the region and the rest to the others, uniform inside each
//   zipf        draws ranks by weight rank^-skew; ranks are scattered over the region (zipf.ts)
//   window      uniform in a window that jumps ahead by its own length, wrapping inside the region
//   burst       uniform while on, silent while off
//
// So behaves the measured guest (docs/validation.md): seq, uniform, hotcold, window and burst are its patterns; zipf is ours.
// Simplification: hotcold splits each batch in exact proportion (with a carried remainder) instead of drawing per write.
// Cost: a list costs some 5 ns a write. A batch that is so large that every page of the region is hit but for one
// chance in e^14 per page (n * (ln n + 14) draws over n pages) is written as one run.

import { log } from '../core/exactmath.ts';
import { invariant } from '../core/invariant.ts';
import type { RandomStream } from '../core/random.ts';
import { zipfPages } from './zipf.ts';

/** Who takes page writes. */
export interface PageTarget {
  writePages(pages: Uint32Array, count: number): void;
  /** Every page of the run, about `times` times each (1 if not given). */
  writeRun(firstPage: number, count: number, times?: number): void;
}

export interface Region {
  /** RAM page. */
  readonly first: number;
  readonly pages: number;
}

export type PatternConfig =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sequential'; readonly region: Region }
  | { readonly kind: 'uniform'; readonly region: Region }
  | { readonly kind: 'hotcold'; readonly region: Region; readonly hotPages: number; readonly hotShare: number }
  | { readonly kind: 'zipf'; readonly region: Region; readonly skew: number }
  | { readonly kind: 'window'; readonly region: Region; readonly windowPages: number; readonly everyNs: number }
  | { readonly kind: 'burst'; readonly region: Region; readonly onNs: number; readonly offNs: number };

export interface Pattern {
  /** Whether the pattern writes at all at this time since its beginning. */
  active(elapsedNs: number): boolean;
  /** Makes `writes` page writes. */
  write(writes: number, elapsedNs: number, target: PageTarget): void;
}

const BATCH = 4096;
const batch = new Uint32Array(BATCH);
/** ln of the chance that a page is missed when a batch is written as one run. */
const MISS_EXPONENT = 14;

/** Draws over `n` pages from which on all of them count as written. */
export const saturation = (n: number): number => n * (log(Math.max(n, 2)) + MISS_EXPONENT);

function writeUniform(
  random: RandomStream,
  first: number,
  pages: number,
  writes: number,
  saturatedAt: number,
  target: PageTarget,
): void {
  if (writes >= saturatedAt) {
    target.writeRun(first, pages, Math.floor(writes / pages));
    return;
  }
  for (let left = writes; left > 0;) {
    const n = Math.min(left, BATCH);
    random.fillBelow(pages, batch, n);
    for (let i = 0; i < n; i++) batch[i]! += first;
    target.writePages(batch, n);
    left -= n;
  }
}

const always = (): boolean => true;

function sequential(region: Region): Pattern {
  let next = 0;
  return {
    active: always,
    write(writes, _elapsedNs, target) {
      if (writes >= region.pages) {
        target.writeRun(region.first, region.pages, Math.floor(writes / region.pages));
        next = (next + writes) % region.pages;
        return;
      }
      const head = Math.min(writes, region.pages - next);
      target.writeRun(region.first + next, head);
      if (writes > head) target.writeRun(region.first, writes - head);
      next = (next + writes) % region.pages;
    },
  };
}

function uniform(region: Region, random: RandomStream): Pattern {
  const saturatedAt = saturation(region.pages);
  return {
    active: always,
    write: (writes, _elapsedNs, target) => {
      writeUniform(random, region.first, region.pages, writes, saturatedAt, target);
    },
  };
}

function hotcold(region: Region, hotPages: number, hotShare: number, random: RandomStream): Pattern {
  invariant(hotPages > 0 && hotPages <= region.pages, 'the hot part lies inside the region');
  const coldPages = region.pages - hotPages;
  const hotSaturated = saturation(hotPages);
  const coldSaturated = saturation(Math.max(coldPages, 1));
  let carry = 0;
  return {
    active: always,
    write(writes, _elapsedNs, target) {
      carry += writes * hotShare;
      const hot = coldPages === 0 ? writes : Math.min(writes, Math.floor(carry));
      carry -= hot;
      if (hot > 0) writeUniform(random, region.first, hotPages, hot, hotSaturated, target);
      if (writes > hot) writeUniform(random, region.first + hotPages, coldPages, writes - hot, coldSaturated, target);
    },
  };
}

function zipf(region: Region, skew: number, random: RandomStream): Pattern {
  const draw = zipfPages(region.pages, skew);
  return {
    active: always,
    write(writes, _elapsedNs, target) {
      for (let left = writes; left > 0;) {
        const n = Math.min(left, BATCH);
        draw(random, region.first, batch, n);
        target.writePages(batch, n);
        left -= n;
      }
    },
  };
}

function movingWindow(region: Region, windowPages: number, everyNs: number, random: RandomStream): Pattern {
  invariant(windowPages > 0 && windowPages <= region.pages, 'the window lies inside the region');
  const saturatedAt = saturation(windowPages);
  return {
    active: always,
    write(writes, elapsedNs, target) {
      const start = (Math.floor(elapsedNs / everyNs) * windowPages) % region.pages;
      // The measured guest wraps inside the region: a window that crosses its end goes on at its beginning.
      const head = Math.min(windowPages, region.pages - start);
      if (head === windowPages) {
        writeUniform(random, region.first + start, windowPages, writes, saturatedAt, target);
        return;
      }
      const inHead = Math.round((writes * head) / windowPages);
      writeUniform(random, region.first + start, head, inHead, saturation(head), target);
      writeUniform(random, region.first, windowPages - head, writes - inHead, saturation(windowPages - head), target);
    },
  };
}

function burst(region: Region, onNs: number, offNs: number, random: RandomStream): Pattern {
  const saturatedAt = saturation(region.pages);
  return {
    active: (elapsedNs) => elapsedNs % (onNs + offNs) < onNs,
    write: (writes, _elapsedNs, target) => {
      writeUniform(random, region.first, region.pages, writes, saturatedAt, target);
    },
  };
}

const idle: Pattern = { active: () => false, write: () => undefined };

export function createPattern(config: PatternConfig, random: RandomStream): Pattern {
  switch (config.kind) {
    case 'idle':
      return idle;
    case 'sequential':
      return sequential(config.region);
    case 'uniform':
      return uniform(config.region, random);
    case 'hotcold':
      return hotcold(config.region, config.hotPages, config.hotShare, random);
    case 'zipf':
      return zipf(config.region, config.skew, random);
    case 'window':
      return movingWindow(config.region, config.windowPages, config.everyNs, random);
    case 'burst':
      return burst(config.region, config.onNs, config.offNs, random);
  }
}
