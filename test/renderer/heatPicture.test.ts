// The heat map as pixels.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeatMap } from '../../engine/experiment/result.ts';
import { HEAT_STATES, heatPicture, heatReading } from '../../renderer/views/run/heatPicture.ts';

function mapOf(
  rows: number,
  columns: number,
  cells: Partial<Record<(typeof HEAT_STATES)[number] | 'written', readonly number[]>>,
): HeatMap {
  return {
    rows,
    columns,
    totalPages: rows * 16,
    pagesPerRow: 16,
    edgesNs: Float64Array.from({ length: columns + 1 }, (_, i) => i * 10),
    layers: Object.entries(cells).map(([kind, pages]) => ({
      id: kind,
      kind: kind as HeatMap['layers'][number]['kind'],
      label: kind,
      pages: Uint32Array.from(pages),
    })),
  };
}

describe('the picture of guest memory', () => {
  it('has low addresses at the bottom and early times at the left', () => {
    // Column by column: only the first row of the last column was sent.
    const map = mapOf(2, 2, { sent: [0, 0, 5, 0] });
    const { cells } = heatPicture(map, { fromNs: 0, toNs: 20 }, 'state', 2, 2);
    const sent = HEAT_STATES.indexOf('sent');
    expect([...cells]).toEqual([0, 0, 0, sent]);
  });
  it('shows the gravest of what is behind a pixel', () => {
    const map = mapOf(1, 2, { sent: [9, 9], lost: [0, 1], dirty: [3, 3] });
    const { cells } = heatPicture(map, { fromNs: 0, toNs: 20 }, 'state', 1, 1);
    expect([...cells]).toEqual([HEAT_STATES.indexOf('lost')]);
  });
  it('leaves no lost page out, however small the picture', () => {
    const size = fc.integer({ min: 1, max: 24 });
    fc.assert(
      fc.property(size, size, size, size, fc.nat(), (rows, columns, width, height, at) => {
        const lost = new Array<number>(rows * columns).fill(0);
        lost[at % lost.length] = 1;
        const map = mapOf(rows, columns, { lost });
        const { cells } = heatPicture(map, { fromNs: 0, toNs: columns * 10 }, 'state', width, height);
        expect([...cells]).toContain(HEAT_STATES.indexOf('lost'));
      }),
    );
  });
  it('is empty outside of the map’s time', () => {
    const map = mapOf(1, 1, { written: [7] });
    expect([...heatPicture(map, { fromNs: 0, toNs: 40 }, 'written', 4, 1).cells]).toEqual([255, 0, 0, 0]);
    expect([...heatPicture(map, { fromNs: 100, toNs: 200 }, 'written', 2, 1).cells]).toEqual([0, 0]);
  });
  it('of a layer grows with the number of pages, and one page is not none', () => {
    const map = mapOf(1, 3, { written: [1, 100, 10_000] });
    const { cells, greatest } = heatPicture(map, { fromNs: 0, toNs: 30 }, 'written', 3, 1);
    expect(greatest).toBe(10_000);
    expect(cells[0]).toBeGreaterThan(0);
    expect(cells[1]).toBeGreaterThan(cells[0]!);
    expect(cells[2]).toBe(255);
  });
});

it('under the pointer, the cell is told with its pages and its time', () => {
  const map = mapOf(2, 2, { written: [1, 2, 3, 4] });
  expect(heatReading(map, 15, 0.75)).toMatchObject({
    fromNs: 10,
    toNs: 20,
    firstPage: 16,
    lastPage: 31,
    layers: [{ label: 'written', pages: 4 }],
  });
  expect(heatReading(map, 25, 0.5)).toBeNull();
});
