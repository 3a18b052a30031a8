// At which IOVAs the buffers of a device lie that stay mapped.

import { invariant } from '../core/invariant.ts';
import type { GuestDma } from '../viommu/guest-dma.ts';
import type { RamMap } from '../viommu/ram-map.ts';
import type { PageRange } from './config.ts';

/** Finds IOVAs for pages of the region, which are counted from its first. */
export interface IovaOfRegion {
  iovaAt(regionPage: number): number;
  /** Region pages from there on whose IOVAs follow each other. */
  runAt(regionPage: number): number;
}

/** IOVA = guest physical address: no vIOMMU, a passthrough guest, or the stage a nested guest does not own. */
export class FlatIova implements IovaOfRegion {
  readonly #map: RamMap;
  readonly #firstPage: number;

  constructor(map: RamMap, firstRamPage: number) {
    this.#map = map;
    this.#firstPage = firstRamPage;
  }

  iovaAt(regionPage: number): number {
    return this.#map.gpaOf(this.#firstPage + regionPage);
  }

  runAt(regionPage: number): number {
    return this.#map.runFrom(this.#firstPage + regionPage);
  }
}

/**
 * Behind a shadowed or explicit vIOMMU: the region is mapped once, in mappings of `mappingPages` pages (a page pool maps
 * page by page, a registration at once), at the IOVAs that the guest's allocator gives. CPUs take turns.
 */
export class PooledIova implements IovaOfRegion {
  readonly #dma: GuestDma;
  readonly #region: PageRange;
  readonly #mappingPages: number;
  /** First IOVA page of each mapping; NOWHERE while unmapped. */
  readonly #iovas: Float64Array;

  constructor(dma: GuestDma, region: PageRange, mappingPages: number) {
    invariant(mappingPages >= 1, 'a mapping has a page');
    this.#dma = dma;
    this.#region = region;
    this.#mappingPages = mappingPages;
    this.#iovas = new Float64Array(Math.ceil(region.pages / mappingPages)).fill(NOWHERE);
  }

  /** Maps what is not mapped of RAM pages [firstPage, firstPage + pages); returns when the driver is done. */
  map(nowNs: number, firstPage: number, pages: number): number {
    const cpus = this.#dma.cpuFreeNs.length;
    let doneNs = nowNs;
    this.#forEachMapping(firstPage, pages, (m, ramPage, count) => {
      if (this.#iovas[m] !== NOWHERE) return;
      const cpu = m % cpus;
      const iovaPage = this.#dma.map(Math.max(nowNs, this.#dma.cpuFreeNs[cpu]!), cpu, ramPage, count);
      this.#iovas[m] = iovaPage < 0 ? NOWHERE : iovaPage;
      doneNs = Math.max(doneNs, this.#dma.cpuFreeNs[cpu]!);
    });
    return doneNs;
  }

  /** Unmaps what is mapped of it, whole mappings; a DMA there faults from then on. */
  unmap(nowNs: number, firstPage: number, pages: number): number {
    const cpus = this.#dma.cpuFreeNs.length;
    let doneNs = nowNs;
    this.#forEachMapping(firstPage, pages, (m) => {
      const iovaPage = this.#iovas[m]!;
      if (iovaPage === NOWHERE) return;
      const cpu = m % cpus;
      this.#dma.unmap(Math.max(nowNs, this.#dma.cpuFreeNs[cpu]!), cpu, iovaPage);
      doneNs = Math.max(doneNs, this.#dma.cpuFreeNs[cpu]!);
      this.#iovas[m] = NOWHERE;
    });
    return doneNs;
  }

  /** The mappings went without the driver's doing (a whole-space unmap). */
  forget(): void {
    this.#iovas.fill(NOWHERE);
  }

  iovaAt(regionPage: number): number {
    const m = Math.floor(regionPage / this.#mappingPages);
    const iovaPage = this.#iovas[m]!;
    return iovaPage === NOWHERE ? NOWHERE : iovaPage + (regionPage - m * this.#mappingPages);
  }

  runAt(regionPage: number): number {
    const m = Math.floor(regionPage / this.#mappingPages);
    return this.#iovas[m] === NOWHERE ? 1 : (m + 1) * this.#mappingPages - regionPage;
  }

  #forEachMapping(firstPage: number, pages: number, visit: (m: number, ramPage: number, pages: number) => void): void {
    const from = Math.max(0, firstPage - this.#region.firstPage);
    const to = Math.min(this.#region.pages, firstPage + pages - this.#region.firstPage);
    for (let m = Math.floor(from / this.#mappingPages); m * this.#mappingPages < to; m++) {
      const at = m * this.#mappingPages;
      visit(m, this.#region.firstPage + at, Math.min(this.#mappingPages, this.#region.pages - at));
    }
  }
}

/** Page 0 of an IOVA space is never handed out: a DMA there faults. */
const NOWHERE = 0;
