import { describe, expect, it } from 'vitest';
import { loggedRange, loggingHulls } from '../../../engine/devices/logging-hulls.ts';

const GIB = 0x4_0000;

describe('what QEMU asks a device to log', () => {
  it('is one hull below 4 GiB and one above: the hole between is not logged', () => {
    const mapped = [
      { first: 0, pages: 3 * GIB },
      { first: 0xfffc0, pages: 64 },
      { first: 4 * GIB, pages: GIB },
      { first: 9 * GIB, pages: GIB },
    ];
    expect(loggingHulls(mapped)).toEqual([
      { first: 0, pages: 0x10_0000 },
      { first: 4 * GIB, pages: 6 * GIB },
    ]);
  });

  it('goes to the device in bytes, also beyond 2^53', () => {
    expect(loggedRange({ first: 2 ** 45, pages: 3 })).toEqual({ iova: 2n ** 57n, length: 12288n });
  });
});
