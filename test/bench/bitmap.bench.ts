// Dirty bitmaps of 2^28 pages (32 MiB: one bit for each 4 KiB page of 1 TiB).
import { CHUNK_PAGES, CHUNK_WORDS, DirtyBitmap, orWordInChunk } from '../../engine/core/bitmap.ts';
import { nextLcg, timeMs, type Bench, type Round } from './bench.ts';

const BITS = 2 ** 28;
const CHUNKS = BITS / CHUNK_PAGES;

/** `share`: 256ths of the words that hold a bit; from 128 on every word is random. As bitmap_or.c. */
function filled(seed: number, share: number): DirtyBitmap {
  const bitmap = new DirtyBitmap(BITS);
  let state = seed;
  for (let c = 0; c < CHUNKS; c++) {
    const chunk = bitmap.chunkFor(c);
    let newly = 0;
    for (let w = 0; w < CHUNK_WORDS; w++) {
      state = nextLcg(state);
      if (share >= 128) {
        const high = state >>> 16;
        state = nextLcg(state);
        newly += orWordInChunk(chunk, w, (high << 16) | (state >>> 16));
      } else if (state >>> 24 < share) {
        newly += orWordInChunk(chunk, w, 1 << ((state >>> 16) & 31));
      }
    }
    bitmap.noteSet(c, newly);
  }
  return bitmap;
}

function copy(into: DirtyBitmap, from: DirtyBitmap): void {
  for (let c = 0; c < CHUNKS; c++) {
    const chunk = from.chunks[c];
    if (chunk === undefined) continue;
    into.chunkFor(c).set(chunk);
    into.noteSet(c, from.counts[c]! - into.counts[c]!);
  }
}

/** As the baseline: a polynomial over 64-bit words folded to 32. */
function wordSum(bitmap: DirtyBitmap): number {
  let sum = 0;
  for (let c = 0; c < CHUNKS; c++) {
    const chunk = bitmap.chunkFor(c);
    for (let w = 0; w < CHUNK_WORDS; w += 2) sum = (Math.imul(sum, 31) + (chunk[w]! ^ chunk[w + 1]!)) | 0;
  }
  return sum >>> 0;
}

function merge(name: string, share: number, srcFirst: number, dstFirst: number, count: 0 | 1, ratioMax: number): Bench {
  return {
    name,
    unit: 'ms',
    better: 'lower',
    baseline: { source: 'bitmap_or.c', args: [share, srcFirst, dstFirst, count] },
    goal: { ratioMax },
    prepare: () => {
      const src = filled(1, share);
      const start = filled(2, share);
      const dst = new DirtyBitmap(BITS);
      return (): Round => {
        copy(dst, start);
        let newly = 0;
        const value = timeMs(() => {
          newly = dst.orFrom(src, srcFirst, dstFirst, BITS - 64);
        });
        return { value, check: `${newly}:${wordSum(dst)}` };
      };
    },
  };
}

function visit(percent: string, perMille: number, goal?: Bench['goal']): Bench {
  return {
    name: `bitmap visit and clear ${percent}`,
    unit: 'ms',
    better: 'lower',
    baseline: { source: 'bitmap_visit.c', args: [perMille] },
    ...(goal !== undefined && { goal }),
    prepare: () => {
      const start = new DirtyBitmap(BITS);
      if (perMille === 1000) {
        start.setRange(0, BITS);
      } else {
        const limit = Math.floor(perMille * 4_294_967.296);
        let state = 1;
        for (let page = 0; page < BITS; page++) {
          state = nextLcg(state);
          if (state >>> 0 < limit) start.set(page);
        }
      }
      const bitmap = new DirtyBitmap(BITS);
      return (): Round => {
        copy(bitmap, start);
        let sum = 0;
        let count = 0;
        const value = timeMs(() => {
          bitmap.takeRuns((first, n) => {
            count += n;
            // Pages first … first+n-1 added up, modulo 2^32: n first + n (n - 1) / 2.
            const pairs = n % 2 === 0 ? Math.imul(n / 2, n - 1) : Math.imul(n, (n - 1) / 2);
            sum = (sum + Math.imul(n, first) + pairs) | 0;
          });
        });
        return { value, check: `${count}:${sum >>> 0}` };
      };
    },
  };
}

export const benches: readonly Bench[] = [
  merge('bitmap or-merge, 13 bits apart', 128, 5, 18, 0, 4),
  merge('bitmap or-merge, 13 bits apart, newly set counted', 128, 5, 18, 1, 4),
  merge('bitmap or-merge, same alignment', 128, 32, 64, 0, 4),
  merge('bitmap or-merge, 13 bits apart, 1 word in 256', 1, 5, 18, 0, 4),
  visit('0.1 %', 1),
  visit('1 %', 10),
  visit('10 %', 100),
  visit('100 %', 1000, { ratioMax: 1 }),
  {
    name: 'bitmap count',
    unit: 'ms',
    better: 'lower',
    baseline: { source: 'bitmap_count.c' },
    goal: { ratioMax: 1 },
    prepare: () => {
      const bitmap = filled(1, 128);
      return (): Round => {
        let count = 0;
        const value = timeMs(() => {
          count = bitmap.countRange(1, BITS - 2);
        });
        return { value, check: String(count) };
      };
    },
  },
];
