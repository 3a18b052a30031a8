// Where a read of dirty bits puts what it found: ascending runs of granules, without a callback per run. Reused between
// reads; the arrays grow and stay.

export class DirtyRuns {
  firsts = new Float64Array(64);
  counts = new Float64Array(64);
  length = 0;
  /** Granules over all runs. A read that starts inside a leaf can count a granule twice, as the kernel sets a bit twice. */
  total = 0;

  reset(): void {
    this.length = 0;
    this.total = 0;
  }

  /** Appends [first, first + count); joins the last run where it continues it. */
  push(first: number, count: number): void {
    const last = this.length - 1;
    this.total += count;
    if (last >= 0 && this.firsts[last]! + this.counts[last]! === first) {
      this.counts[last]! += count;
      return;
    }
    if (this.length === this.firsts.length) this.grow();
    this.firsts[this.length] = first;
    this.counts[this.length] = count;
    this.length++;
  }

  private grow(): void {
    const firsts = new Float64Array(this.firsts.length * 2);
    const counts = new Float64Array(this.counts.length * 2);
    firsts.set(this.firsts);
    counts.set(this.counts);
    this.firsts = firsts;
    this.counts = counts;
  }
}

/** Appends to `rest` what is in `runs` and not in `others`; both ascend. */
export function runsWithout(runs: DirtyRuns, others: DirtyRuns, rest: DirtyRuns): void {
  let r = 0;
  for (let i = 0; i < runs.length; i++) {
    let at = runs.firsts[i]!;
    const end = at + runs.counts[i]!;
    while (at < end) {
      while (r < others.length && others.firsts[r]! + others.counts[r]! <= at) r++;
      const knownFrom = r < others.length ? others.firsts[r]! : end;
      if (knownFrom > at) rest.push(at, Math.min(end, knownFrom) - at);
      at = r < others.length ? Math.max(at, others.firsts[r]! + others.counts[r]!) : end;
    }
  }
}
