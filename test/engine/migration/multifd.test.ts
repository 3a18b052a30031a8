// What multifd's packets do to the rate window. The figures of QEMU 7.2 are those of measured migrations with two channels
// (test/fixtures/measured/mfd-*.json): `bandwidth_windows`.
import { describe, expect, it } from 'vitest';
import { MultifdPackets } from '../../../engine/migration/multifd.ts';
import { RateWindow } from '../../../engine/migration/window.ts';
import { MigrationBench } from './fixture.ts';

const PACKET_BYTES = 128 * 4096 + 1344;

const packetsOfWindow = (maxBandwidth: number, countedWhenWritten: boolean): number => {
  const window = new RateWindow({ maxBandwidth, downtimeLimitNs: 0, switchoverBandwidth: 0 }, 0);
  return new MultifdPackets(2, countedWhenWritten).pagesUntilExceeded(window.roomBytes(0)) / 128;
};

describe('a rate window with multifd', () => {
  it.each([
    [134_217_728, 26],
    [209_715_200, 40],
  ])('ends with the first whole packet over its limit: at %i B/s packet %i', (maxBandwidth, packets) => {
    expect(packetsOfWindow(maxBandwidth, false)).toBe(packets);
  });

  it('lets one packet a channel go uncounted where packets count when they are written', () => {
    expect(packetsOfWindow(134_217_728, true)).toBe(26 + 2);
  });

  it('is the same whether pages are queued at once or in pieces', () => {
    for (const piece of [1, 7, 127, 128, 129, 1000]) {
      const packets = new MultifdPackets(2, false);
      let pages = 0;
      for (let n = -1; n !== 0; pages += n) {
        const counted = Math.floor(pages / 128) * PACKET_BYTES;
        n = Math.min(piece, packets.pagesUntilExceeded(13_421_772 - counted));
        packets.queue(n);
        expect(packets.openBytes).toBeCloseTo(((pages + n) % 128) * (PACKET_BYTES / 128), 6);
      }
      expect(pages).toBe(26 * 128);
    }
  });

  it.each([
    [134_217_728, 13_669_138],
    [209_715_200, 21_027_986],
  ])('at %i B/s has the bytes that were measured: packets, a SYNC a channel, one section', (maxBandwidth, bytes) => {
    const bench = new MigrationBench({
      pages: 60_000,
      config: {
        ...{ maxBandwidth, multifdChannels: 2, multifdFlushEachSection: true, multifdCountedWhenWritten: false },
        zeroPageDetection: 'legacy',
      },
    });
    const bytesAt = (ms: number): number => {
      bench.runUntil(ms * 1e6);
      return bench.thread.counters.transferred;
    };
    const ends = [199, 299, 399].map(bytesAt);
    // Newer versions put a flush word of 8 bytes a section on the main channel, and so do we.
    for (const i of [1, 2]) expect(ends[i]! - ends[i - 1]!).toBe(bytes + 8);
  });

  it('sends a packet that is not full with a whole header', () => {
    const packets = new MultifdPackets(1, false);
    packets.queue(28);
    expect(packets.flush()).toBeCloseTo(100 * (1344 / 128));
    expect(packets.flush()).toBe(0);
  });
});
