// A type1 container as lists of mappings with sets of page numbers, after the documented rules. Plain and slow; no code of
// the engine.
export interface SlowDma {
  readonly first: number;
  readonly pages: number;
  readonly writable: boolean;
  vaddrInvalid: boolean;
  iommuMapped: boolean;
  dirty: Set<number>;
}

export interface Answered {
  readonly outcome: string;
  readonly size?: number;
  /** Page numbers, from the start of the range asked for. */
  readonly bits?: readonly number[];
}

const ok: Answered = { outcome: 'ok' };
const no = (outcome: string): Answered => ({ outcome });

export class SlowType1 {
  readonly v2: boolean;
  readonly limit: number;
  dmas: SlowDma[] = [];
  hardware = false;
  readonly mdevs = new Set<string>();
  /** Pins as `mdev page`, one entry per pin. */
  pins: { readonly mdev: string; readonly page: number }[] = [];
  tracking = false;

  constructor(v2: boolean, limit: number) {
    this.v2 = v2;
    this.limit = limit;
  }

  map(first: number, pages: number, writable: boolean): Answered {
    if (this.touched(first, pages).length > 0) return no('EEXIST');
    if (this.dmas.length === this.limit) return no('ENOSPC');
    this.dmas.push({ first, pages, writable, vaddrInvalid: false, iommuMapped: this.hardware, dirty: new Set() });
    this.dmas.sort((a, b) => a.first - b.first);
    return ok;
  }

  setVaddr(first: number, pages: number): Answered {
    const dma = this.touched(first, pages)[0];
    if (dma === undefined) return no('ENOENT');
    if (!dma.vaddrInvalid || dma.first !== first || dma.pages !== pages) return no('EINVAL');
    dma.vaddrInvalid = false;
    return ok;
  }

  unmap(first: number, pages: number, dirty: boolean): Answered {
    if (dirty && !this.tracking) return no('EINVAL');
    if (this.v2 && this.bisects(first, pages)) return no('EINVAL');
    const going = this.covered(first, pages);
    const bits: number[] = [];
    for (const dma of going) {
      this.pins = this.pins.filter(({ page }) => page < dma.first || page >= dma.first + dma.pages);
      if (dirty) bits.push(...this.dirtyOf(dma).map((page) => page - first));
    }
    this.dmas = this.dmas.filter((dma) => !going.includes(dma));
    const size = going.reduce((sum, dma) => sum + dma.pages, 0) * 4096;
    return dirty ? { outcome: 'ok', size, bits } : { outcome: 'ok', size };
  }

  invalidate(first: number, pages: number): Answered {
    if (this.mdevs.size > 0) return no('EBUSY');
    if (this.v2 && this.bisects(first, pages)) return no('EINVAL');
    const going = this.covered(first, pages);
    if (going.some((dma) => dma.vaddrInvalid)) return no('EINVAL');
    for (const dma of going) dma.vaddrInvalid = true;
    return { outcome: 'ok', size: going.reduce((sum, dma) => sum + dma.pages, 0) * 4096 };
  }

  start(): Answered {
    if (!this.v2) return no('EACCES');
    if (!this.tracking) for (const dma of this.dmas) this.resetToPins(dma);
    this.tracking = true;
    return ok;
  }

  stop(): Answered {
    if (!this.v2) return no('EACCES');
    this.tracking = false;
    return ok;
  }

  read(first: number, pages: number): Answered {
    if (!this.v2) return no('EACCES');
    if (!this.tracking || this.bisects(first, pages)) return no('EINVAL');
    const bits: number[] = [];
    for (const dma of this.touched(first, pages)) {
      bits.push(...this.dirtyOf(dma).map((page) => page - first));
      this.resetToPins(dma);
    }
    return { outcome: 'ok', bits };
  }

  attach(device: string): Answered {
    if (this.dmas.some((dma) => dma.vaddrInvalid)) return no('EBUSY');
    if (device === 'dev0') {
      if (this.hardware) return no('EINVAL');
      this.hardware = true;
      for (const dma of this.dmas) dma.iommuMapped = true;
    } else {
      if (this.mdevs.has(device)) return no('EINVAL');
      this.mdevs.add(device);
    }
    return ok;
  }

  detach(device: string): Answered {
    if (device === 'dev0') {
      if (!this.hardware) return ok;
      this.hardware = false;
      for (const dma of this.dmas) {
        dma.iommuMapped = false;
        // Whatever it wrote is unknown.
        if (this.tracking) for (let page = 0; page < dma.pages; page++) dma.dirty.add(dma.first + page);
      }
    } else {
      if (!this.mdevs.delete(device)) return ok;
      this.pins = this.pins.filter(({ mdev }) => mdev !== device);
    }
    if (!this.hardware && this.mdevs.size === 0) this.dmas = [];
    return ok;
  }

  pin(mdev: string, first: number, count: number, writes: boolean): Answered {
    if (!this.mdevs.has(mdev)) return no('EINVAL');
    if (!this.v2) return no('EACCES');
    if (this.dmas.some((dma) => dma.vaddrInvalid)) return no('EBUSY');
    const taken: { readonly mdev: string; readonly page: number }[] = [];
    for (let page = first; page < first + count; page++) {
      const dma = this.touched(page, 1)[0];
      if (dma === undefined) return no('EINVAL');
      if (writes && !dma.writable) return no('EPERM');
      const pinned = [...this.pins, ...taken].some((pin) => pin.page === page);
      if (this.tracking && !pinned) dma.dirty.add(page);
      taken.push({ mdev, page });
    }
    this.pins.push(...taken);
    return ok;
  }

  unpin(mdev: string, page: number): Answered {
    const at = this.pins.findIndex((pin) => pin.mdev === mdev && pin.page === page);
    if (at >= 0) this.pins.splice(at, 1);
    return ok;
  }

  copy(mdev: string, first: number, count: number, writes: boolean): Answered {
    if (!this.mdevs.has(mdev)) return no('EINVAL');
    if (this.dmas.some((dma) => dma.vaddrInvalid)) return no('EBUSY');
    for (let page = first; page < first + count; page++) {
      const dma = this.touched(page, 1)[0];
      if (dma === undefined) return no('EINVAL');
      if (writes && !dma.writable) return no('EPERM');
      if (writes && this.tracking) dma.dirty.add(page);
    }
    return ok;
  }

  /** Numbers of pages in any mapping. */
  get mapped(): number {
    return this.dmas.reduce((sum, dma) => sum + dma.pages, 0);
  }

  private touched(first: number, pages: number): SlowDma[] {
    return this.dmas.filter((dma) => dma.first < first + pages && first < dma.first + dma.pages);
  }

  /** What an unmap takes: on v1 nothing if a mapping starts before the range. */
  private covered(first: number, pages: number): SlowDma[] {
    const touched = this.touched(first, pages);
    return !this.v2 && touched.some((dma) => dma.first < first) ? [] : touched;
  }

  private bisects(first: number, pages: number): boolean {
    return this.touched(first, pages).some((dma) => dma.first < first || dma.first + dma.pages > first + pages);
  }

  private dirtyOf(dma: SlowDma): number[] {
    const pages = Array.from({ length: dma.pages }, (_, i) => dma.first + i);
    return this.hardware && dma.iommuMapped ? pages : pages.filter((page) => dma.dirty.has(page));
  }

  private resetToPins(dma: SlowDma): void {
    dma.dirty = new Set(
      this.pins.map(({ page }) => page).filter((page) => page >= dma.first && page < dma.first + dma.pages),
    );
  }
}
