// Test helpers that speak the domain: a device behind a domain, what it wrote, what was reported.
import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import type { RandomStream } from '../../../engine/core/random.ts';
import { DmaPort, HOST_BASE_PAGE } from '../../../engine/iommu/dmaport.ts';
import { Domain } from '../../../engine/iommu/domain.ts';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';
import { InFlightWrite } from '../../../engine/iommu/inflight.ts';
import { Iotlb } from '../../../engine/iommu/iotlb.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';

export const RW = READ | WRITE;

export interface LabOptions {
  readonly row: PteFormat;
  readonly held?: boolean;
  /** Leaf sizes, log2 granules; default the smallest. */
  readonly leaves?: readonly number[];
}

/** A device, its domain, and the granules it has written that nobody has been told of. */
export class Lab {
  readonly row: PteFormat;
  readonly domain: Domain;
  readonly port: DmaPort;
  /** IOVA granules whose data landed and that were not reported since. */
  readonly pending = new Set<number>();
  readonly inFlight: InFlightWrite[] = [];

  constructor({ row, held = false, leaves = [0] }: LabOptions) {
    this.row = row;
    const pageSizes = leaves.map((log2) => 2 ** (row.granuleShift + log2));
    const table = new PageTable(row, { tracked: true, pageSizes });
    const iotlb = new Iotlb({ sets: 4, ways: 2, dirtyWriteback: held ? 'held' : 'memory' });
    this.domain = new Domain({ id: 0, table, iotlb });
    this.domain.setTracking(true);
    this.port = new DmaPort({ domain: this.domain, written: new DirtyBitmap(1 << 20) });
  }

  /** Maps with PA = base + IOVA, both in granules. */
  map(first: number, count: number, access = RW): string | undefined {
    return this.domain.table.map(first, this.base + first, count, access);
  }

  get base(): number {
    return (HOST_BASE_PAGE * 4096) / 2 ** this.row.granuleShift;
  }

  /** Tracking as a VMM starts it: clear what is there, then flush. */
  startTracking(upTo: number): void {
    this.domain.table.readDirty(0, upTo, { clear: true }, new DirtyRuns());
    this.domain.flushDomain();
  }

  write(granule: number): boolean {
    const physical = this.port.access(granule, true);
    if (physical < 0) return false;
    this.landed(physical);
    return true;
  }

  read(granule: number): boolean {
    return this.port.access(granule, false) >= 0;
  }

  landed(physical: number): void {
    this.pending.add(physical - this.base);
  }

  reported(runs: DirtyRuns): void {
    for (const granule of granulesOf(runs)) this.pending.delete(granule);
  }

  harvest(first: number, count: number): DirtyRuns {
    const runs = new DirtyRuns();
    this.domain.table.readDirty(first, count, { clear: true }, runs);
    return runs;
  }

  /** One thing the device does, chosen by chance: read, write at once, or move a write in flight on. */
  deviceActs(random: RandomStream, granule: number): void {
    const choice = random.nextBelow(6);
    if (choice === 0) this.read(granule);
    else if (choice <= 2) this.write(granule);
    else if (choice === 3) {
      const write = new InFlightWrite(this.port, granule);
      const complete = write.complete.bind(write);
      write.complete = (): void => {
        const landing = write.phase === 'translated';
        complete();
        if (landing) this.landed(write.physical);
      };
      this.inFlight.push(write);
    } else {
      const write = this.inFlight[random.nextBelow(Math.max(1, this.inFlight.length))];
      if (write?.phase === 'issued') write.translate();
      else if (write?.phase === 'translated') write.complete();
    }
  }

  /** Lets every translated write land. */
  settle(): void {
    for (const write of this.inFlight) if (write.phase === 'translated') write.complete();
    this.inFlight.length = 0;
  }
}

export function granulesOf(runs: DirtyRuns): number[] {
  const all: number[] = [];
  for (let i = 0; i < runs.length; i++) {
    for (let g = runs.firsts[i]!; g < runs.firsts[i]! + runs.counts[i]!; g++) all.push(g);
  }
  return all;
}
