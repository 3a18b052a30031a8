// Pages on their way to the multifd channels. They leave in packets of 128, and what the rate window counts are packets, not
// pages (QEMU migration/multifd.c multifd_send_pages(), multifd_send_thread()).
//
// - QEMU 7.2 counts a packet when it is queued: a window ends with the first whole packet that crosses its limit. Measured:
//   limits of 13,421,772 and 20,971,520 bytes give windows of 26 and of 40 packets, to the byte.
// - Newer ones count it when a channel has written it; with every channel busy, as many packets as there are channels go
//   out uncounted before the limit is seen.

import { MULTIFD_PACKET_HEADER_BYTES, MULTIFD_PACKET_PAGES, MULTIFD_PAGE_OVERHEAD_BYTES, PAGE_BYTES } from './wire.ts';

const PACKET_BYTES = MULTIFD_PACKET_PAGES * PAGE_BYTES + MULTIFD_PACKET_HEADER_BYTES;

export class MultifdPackets {
  /** Packets that go out before the limit is seen to be crossed. */
  readonly #uncounted: number;
  /** Pages in the packet that is being filled. */
  #open = 0;

  constructor(channels: number, countedWhenWritten: boolean) {
    this.#uncounted = countedWhenWritten ? channels : 0;
  }

  queue(pages: number): void {
    this.#open = (this.#open + pages) % MULTIFD_PACKET_PAGES;
  }

  /** Bytes of the pages in the open packet: handed over, and counted by nobody yet. */
  get openBytes(): number {
    return this.#open * (PAGE_BYTES + MULTIFD_PAGE_OVERHEAD_BYTES);
  }

  /** Pages that may still be queued while `room` counted bytes are left in the window. */
  pagesUntilExceeded(room: number): number {
    if (room === Infinity) return Infinity;
    if (room < 0) return 0;
    const packets = Math.floor(room / PACKET_BYTES) + 1 + this.#uncounted;
    return packets * MULTIFD_PACKET_PAGES - this.#open;
  }

  /** The open packet leaves as it is, with a whole header; returns what of that its pages have not brought along. */
  flush(): number {
    const missing = this.#open === 0 ? 0 : MULTIFD_PACKET_PAGES - this.#open;
    this.#open = 0;
    return missing * MULTIFD_PAGE_OVERHEAD_BYTES;
  }
}
