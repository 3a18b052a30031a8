// How often each page was written since somebody last asked: what an encoder of changes must know, and nobody else.
// Counts end at 65,535. Memory: 128 KiB for each 256 MiB of guest that was written, allocated when first needed.

const CHUNK_SHIFT = 16;
const CHUNK_PAGES = 1 << CHUNK_SHIFT;
const MOST = 0xffff;

export class WriteCounts {
  readonly #chunks = new Map<number, Uint16Array>();

  addPages(pages: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#add(pages[i]!, 1);
  }

  /** Each page of the run was written so many times. */
  addRun(first: number, count: number, times: number): void {
    for (let page = first; page < first + count; page++) this.#add(page, times);
  }

  /** Writes since the last call for this page. */
  take(page: number): number {
    const chunk = this.#chunks.get(page >>> CHUNK_SHIFT);
    if (chunk === undefined) return 0;
    const at = page & (CHUNK_PAGES - 1);
    const writes = chunk[at]!;
    chunk[at] = 0;
    return writes;
  }

  #add(page: number, times: number): void {
    const c = page >>> CHUNK_SHIFT;
    let chunk = this.#chunks.get(c);
    if (chunk === undefined) {
      chunk = new Uint16Array(CHUNK_PAGES);
      this.#chunks.set(c, chunk);
    }
    const at = page & (CHUNK_PAGES - 1);
    chunk[at] = Math.min(MOST, chunk[at]! + times);
  }
}
