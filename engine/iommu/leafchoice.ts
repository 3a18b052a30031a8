// Which leaf size a mapping gets: the largest allowed one that divides IOVA and PA and fits what is left, and how many of
// them until a larger one becomes possible. Source: drivers/iommu/iommu.c iommu_pgsize().

/** 2^n for 0 ≤ n ≤ 53, exact; shifts end at 31. */
export const POWER_OF_TWO: readonly number[] = powersOfTwo(54);

function powersOfTwo(count: number): number[] {
  const powers = [1];
  while (powers.length < count) powers.push(powers.at(-1)! * 2);
  return powers;
}

/** Number of the leaf of 2^log2 granules that a granule lies in; by a shift wherever 31 bits do, that is below 8 TiB. */
export function leafNumber(granule: number, log2: number): number {
  if (granule >= 0 && granule <= 0x7fffffff && log2 < 31) return granule >>> log2;
  return Math.floor(granule / POWER_OF_TWO[log2]!);
}

/** Granules from the start of that leaf. */
export function offsetInLeaf(granule: number, log2: number): number {
  if (granule >= 0 && granule <= 0x7fffffff && log2 < 31) return granule & ((1 << log2) - 1);
  const size = POWER_OF_TWO[log2]!;
  return granule - Math.floor(granule / size) * size;
}

/** Whether 2^log2 divides n; n up to 2^53. */
export function isAligned(n: number, log2: number): boolean {
  const power = POWER_OF_TWO[log2]!;
  return n / power === Math.floor(n / power);
}

/** Log2 of the leaf for the next piece of a mapping, the smallest if no larger one fits. `sizes` ascends, in log2 granules. */
export function bestLeaf(sizes: readonly number[], first: number, pa: number, count: number): number {
  for (let i = sizes.length - 1; i > 0; i--) {
    const log2 = sizes[i]!;
    if (POWER_OF_TWO[log2]! <= count && isAligned(first, log2) && isAligned(pa, log2)) return log2;
  }
  return sizes[0]!;
}

/** How many granules to map with leaves of `log2` before a larger leaf could be used. */
export function leafRun(sizes: readonly number[], log2: number, first: number, pa: number, count: number): number {
  let run = count;
  const next = sizes[sizes.indexOf(log2) + 1];
  if (next !== undefined) {
    const size = POWER_OF_TWO[next]!;
    const offset = first - Math.floor(first / size) * size;
    // IOVA and PA must reach the larger alignment together, with room for one larger leaf after it.
    if (offset === pa - Math.floor(pa / size) * size) {
      const toNext = size - offset;
      if (toNext + size <= count) run = toNext;
    }
  }
  const leaf = POWER_OF_TWO[log2]!;
  return Math.floor(run / leaf) * leaf;
}
