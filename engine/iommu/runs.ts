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
