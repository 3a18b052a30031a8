// Pages drawn by Zipf's law over up to 2^30 pages, without a table per page.
//
// Rank r (1 … n) has weight r^-skew. The first EXACT ranks are buckets of their own; the tail is cut into buckets that grow by
// 1/16, each with the weight of its ranks by the integral of x^-skew over it (error of a bucket's weight below 0.1 % for skew
// <= 5) and uniform inside. A bucket is drawn by Walker's alias table in O(1).
// Ranks are scattered over the region by page = rank * stride mod n with the stride coprime to n, near n / golden ratio:
// hot pages of a real heap do not lie side by side.

import { log, exp } from '../core/exactmath.ts';
import type { RandomStream } from '../core/random.ts';

const EXACT = 1024;
const GROWTH = 16;
/** rank * stride stays exact: 2^30 * 2^22. */
const STRIDE_MAX = 1 << 22;

export type PageDraw = (random: RandomStream, firstPage: number, out: Uint32Array, count: number) => void;

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function strideFor(pages: number): number {
  let stride = Math.min(Math.floor(pages * 0.6180339887498949), STRIDE_MAX);
  if (stride < 1) stride = 1;
  while (gcd(stride, pages) !== 1) stride--;
  return stride;
}

/** The integral of x^-skew from a to b. */
function weightBetween(a: number, b: number, skew: number): number {
  if (skew === 1) return log(b / a);
  const e = 1 - skew;
  return (exp(e * log(b)) - exp(e * log(a))) / e;
}

interface Buckets {
  readonly firsts: Float64Array;
  readonly sizes: Float64Array;
  readonly weights: Float64Array;
}

function bucketsOf(pages: number, skew: number): Buckets {
  const firsts: number[] = [];
  const sizes: number[] = [];
  const weights: number[] = [];
  for (let rank = 1; rank <= pages;) {
    const size = rank <= EXACT ? 1 : Math.min(Math.floor(rank / GROWTH), pages - rank + 1);
    firsts.push(rank - 1);
    sizes.push(size);
    weights.push(size === 1 ? exp(-skew * log(rank)) : weightBetween(rank - 0.5, rank - 0.5 + size, skew));
    rank += size;
  }
  return {
    firsts: Float64Array.from(firsts),
    sizes: Float64Array.from(sizes),
    weights: Float64Array.from(weights),
  };
}

/** Walker's alias table: column i is taken with chance `keep[i]`, else its alias. */
function aliasOf(weights: Float64Array): { keep: Float64Array; alias: Uint32Array } {
  const n = weights.length;
  let total = 0;
  for (const weight of weights) total += weight;
  const keep = new Float64Array(n);
  const alias = new Uint32Array(n);
  const small: number[] = [];
  const large: number[] = [];
  for (let i = 0; i < n; i++) {
    keep[i] = (weights[i]! * n) / total;
    alias[i] = i;
    (keep[i]! < 1 ? small : large).push(i);
  }
  while (small.length > 0 && large.length > 0) {
    const s = small.pop()!;
    const l = large[large.length - 1]!;
    alias[s] = l;
    keep[l] = keep[l]! - (1 - keep[s]!);
    if (keep[l] < 1) small.push(large.pop()!);
  }
  for (const i of small) keep[i] = 1;
  for (const i of large) keep[i] = 1;
  return { keep, alias };
}

/** What a draw needs: buckets of ranks, chosen by alias, and how ranks are scattered. */
export interface ZipfTable {
  /** First rank of each bucket, from 0. */
  readonly firsts: Float64Array;
  readonly sizes: Float64Array;
  /** Chance that a column is its own bucket; else it is the bucket of its alias. */
  readonly keep: Float64Array;
  readonly alias: Uint32Array;
  /** page = rank * stride mod pages */
  readonly stride: number;
}

export function zipfTable(pages: number, skew: number): ZipfTable {
  const { firsts, sizes, weights } = bucketsOf(pages, skew);
  return { firsts, sizes, ...aliasOf(weights), stride: strideFor(pages) };
}

export function zipfPages(pages: number, skew: number): PageDraw {
  const { firsts, sizes, keep, alias, stride } = zipfTable(pages, skew);
  const columns = firsts.length;
  return (random, firstPage, out, count) => {
    for (let i = 0; i < count; i++) {
      const column = random.nextBelow(columns);
      const bucket = random.nextUnit() < keep[column]! ? column : alias[column]!;
      const size = sizes[bucket]!;
      const rank = firsts[bucket]! + (size === 1 ? 0 : random.nextBelow(size));
      out[i] = firstPage + ((rank * stride) % pages);
    }
  };
}
