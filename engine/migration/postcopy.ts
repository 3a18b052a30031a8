// Post-copy, from the moment the guest runs at the destination: pages still missing are pushed in the background, and those that
// a vCPU touches are asked for and sent at once (QEMU 9.2, migration/ram.c, postcopy-ram.c).
//
// A vCPU that touches a missing page waits for the request's way, and the page's: postcopy_fault, less with preemption (a second
// channel), more without, because the page queues behind what is in the socket already. With 2 MiB or 1 GiB host pages
// the whole host page must come. While the link is down everybody who touches a missing page waits for it.
// Left out: reads of missing pages (workloads only write), kernel-side blocking of several vCPUs on one page.

import type { RamSave } from './ramsave.ts';
import type { StreamCosts, StreamCounters } from './stream.ts';

export interface PostcopyHost {
  readonly ram: RamSave;
  readonly counters: StreamCounters;
  readonly pageCosts: StreamCosts;
  readonly faultNs: number;
  readonly hostPagePages: number;
  /** The link carries nothing before this time. */
  linkUpNs(): number;
}

export class Postcopy {
  readonly #host: PostcopyHost;
  /** Pages asked for. */
  requests = 0;
  /** Time that vCPUs waited for pages. */
  waitedNs = 0;
  #blockedUntilNs = 0;

  constructor(host: PostcopyHost) {
    this.#host = host;
  }

  /** Whether a page is still to come; a vCPU's touch asks for it. */
  missing(page: number): boolean {
    return this.#host.ram.bitmap.test(page);
  }

  get missingPages(): number {
    return this.#host.ram.bitmap.count;
  }

  /** A vCPU touches missing pages of a run: they come now; returns how long it waited. */
  touch(nowNs: number, first: number, count: number): number {
    const { ram, counters, pageCosts, hostPagePages, faultNs } = this.#host;
    const { bitmap } = ram;
    let ns = 0;
    for (let page = bitmap.nextSet(first, first + count); page >= 0; page = bitmap.nextSet(page + 1, first + count)) {
      const from = Math.floor(page / hostPagePages) * hostPagePages;
      const sent = ram.sendNow(from, Math.min(hostPagePages, bitmap.pages - from), pageCosts, counters);
      this.requests++;
      ns += faultNs + sent;
    }
    const linkUpNs = this.#host.linkUpNs();
    if (ns > 0 && linkUpNs > nowNs && this.#blockedUntilNs < linkUpNs) {
      ns += linkUpNs - nowNs;
      this.#blockedUntilNs = linkUpNs;
    }
    this.waitedNs += ns;
    return ns;
  }
}
