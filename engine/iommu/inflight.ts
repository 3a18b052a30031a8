// A device write in its three steps, for everything that asks what happens in between: it is issued with an IOVA; it is
// translated, which sets Dirty; it completes, and only now memory has changed. A flush waits for writes that were translated before
// it (VT-d drains, SMMU CMD_SYNC); nothing else does.
import { HOST_BASE_PAGE } from './dmaport.ts';
import type { DmaPort } from './dmaport.ts';

export type WritePhase = 'issued' | 'translated' | 'completed' | 'faulted';

export class InFlightWrite {
  phase: WritePhase = 'issued';
  /** Physical granule, once translated. */
  physical = -1;
  readonly granule: number;
  private readonly port: DmaPort;

  constructor(port: DmaPort, granule: number) {
    this.port = port;
    this.granule = granule;
  }

  translate(): void {
    if (this.phase !== 'issued') return;
    this.physical = this.port.access(this.granule, true);
    this.phase = this.physical < 0 ? 'faulted' : 'translated';
    if (this.phase === 'translated') this.port.domain.inFlight.add(this);
  }

  /** The data lands: the sink learns of every page of the granule. */
  complete(): void {
    if (this.phase !== 'translated') return;
    this.phase = 'completed';
    const { domain, written } = this.port;
    domain.inFlight.delete(this);
    const pages = Math.max(1, 1 << (domain.table.format.granuleShift - 12));
    const first = this.physical * pages - HOST_BASE_PAGE;
    if (first >= 0 && first + pages <= written.pages) written.setRange(first, pages);
  }
}
