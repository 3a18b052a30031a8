// What went out, and what a page costs in bytes and time on the way it takes.
//
// Main channel: the migration thread copies each page into the socket; it is held up by the slower of its own copying and the
// link. A zero page costs the time to find it zero and 9 bytes. Multifd: the main thread only queues; channels copy in
// parallel up to the link, 128 pages to a packet with a header of 1344 bytes, and zero pages cost a share of the header
// when the channels look for them. Section headers, device state and block ids go on the main channel.
// Mapped-ram writes pages to fixed places in a file: no headers, and zero pages cost no bytes.
// Not modelled: socket buffers (bytes count as sent when they are handed over), TLS, latency inside the stream.

import type { MigrationConfig } from './config.ts';
import {
  MULTIFD_PACKET_HEADER_BYTES,
  MULTIFD_PAGE_OVERHEAD_BYTES,
  NORMAL_PAGE_BYTES,
  PAGE_BYTES,
  ZERO_PAGE_BYTES,
} from './wire.ts';

export interface PageCost {
  readonly bytes: number;
  readonly ns: number;
}

export interface StreamCosts {
  readonly normal: PageCost;
  readonly zero: PageCost;
}

/** Costs of a page while the guest runs or is stopped. */
export function streamCosts(config: MigrationConfig, stopped: boolean): StreamCosts {
  const { costs, multifdChannels, linkBandwidth } = config;
  const wireNs = (bytes: number): number => (bytes / linkBandwidth) * 1e9;
  const mainCopyNs = stopped ? costs.page_send_stopped : costs.page_send;
  if (config.mappedRamRate !== null) {
    // A page goes to its place in the file, without a header; a zero page is a bit in the file's bitmap.
    const fileNs = (PAGE_BYTES / config.mappedRamRate) * 1e9;
    return {
      normal: { bytes: PAGE_BYTES, ns: Math.max(mainCopyNs / Math.max(1, multifdChannels), fileNs) },
      zero: { bytes: 0, ns: costs.zero_page },
    };
  }
  if (multifdChannels > 0) {
    const bytes = PAGE_BYTES + MULTIFD_PAGE_OVERHEAD_BYTES;
    const copyNs = config.multifdZeroCopy
      ? costs.page_send_zero_copy
      : stopped
        ? Math.min(costs.page_send_stopped, costs.page_send_multifd)
        : costs.page_send_multifd;
    const channelNs = copyNs / multifdChannels;
    const normal = { bytes, ns: Math.max(costs.page_queue_multifd, channelNs, wireNs(bytes)) };
    if (config.zeroPageDetection === 'none') return { normal, zero: normal };
    if (config.zeroPageDetection === 'legacy') {
      return { normal, zero: { bytes: ZERO_PAGE_BYTES, ns: Math.max(costs.zero_page, wireNs(ZERO_PAGE_BYTES)) } };
    }
    const zeroBytes = MULTIFD_PAGE_OVERHEAD_BYTES;
    const zeroNs = Math.max(costs.page_queue_multifd, costs.zero_page / multifdChannels, wireNs(zeroBytes));
    return { normal, zero: { bytes: zeroBytes, ns: zeroNs } };
  }
  const normal = { bytes: NORMAL_PAGE_BYTES, ns: Math.max(mainCopyNs, wireNs(NORMAL_PAGE_BYTES)) };
  if (config.zeroPageDetection === 'none') return { normal, zero: normal };
  return { normal, zero: { bytes: ZERO_PAGE_BYTES, ns: Math.max(costs.zero_page, wireNs(ZERO_PAGE_BYTES)) } };
}

/** Counters of everything that left the source. */
export class StreamCounters {
  normalPages = 0;
  zeroPages = 0;
  normalBytes = 0;
  zeroBytes = 0;
  deviceBytes = 0;
  protocolBytes = 0;
  /** Pages and bytes sent while the guest was stopped. */
  stoppedBytes = 0;

  get transferred(): number {
    return this.normalBytes + this.zeroBytes + this.deviceBytes + this.protocolBytes;
  }

  get pages(): number {
    return this.normalPages + this.zeroPages;
  }
}

/** A SYNC packet per channel and the flush on the main channel, at the end of a pass over RAM. */
export const multifdSyncBytes = (channels: number): number => channels * MULTIFD_PACKET_HEADER_BYTES + 8;
