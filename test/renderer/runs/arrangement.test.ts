// Which columns the table shows somebody who has chosen none: as many of the usual ones as there is room for.
import { describe, expect, it } from 'vitest';
import type { Column, ColumnType } from '../../../main/contract/runs.ts';
import { END_PX, LEAD_PX, LEAST_NAME_PX, usualColumns, widthOf } from '../../../renderer/views/runs/arrangement.ts';

const column = (name: string, type: ColumnType): Column => ({
  ...{ name, title: name, help: '', type, rowField: name, sortable: true, values: [] },
});
const COLUMNS = [
  column('name', 'text'),
  column('tag', 'text'),
  column('downtime', 'duration'),
  column('total', 'duration'),
  column('sent', 'size'),
  column('rounds', 'count'),
  column('lost', 'count'),
  column('outcome', 'text'),
  column('device', 'text'),
  column('created', 'time'),
  column('seed', 'count'),
];
const needed = (names: readonly string[]): number =>
  LEAD_PX.reduce((sum, px) => sum + px, END_PX) +
  LEAST_NAME_PX +
  names.reduce((sum, name) => sum + widthOf(COLUMNS.find((one) => one.name === name)!), 0);

describe('the usual columns', () => {
  it.each([980, 1024, 1292, 1440, 1920, 2412])('fit beside a name that can be read, %i px wide', (roomPx) => {
    const names = usualColumns(COLUMNS, roomPx);
    expect(needed(names)).toBeLessThanOrEqual(roomPx);
    expect(names).toEqual(expect.arrayContaining(['downtime', 'total', 'sent', 'lost']));
  });
  it('are all of them where there is room, in their order', () => {
    expect(usualColumns(COLUMNS, 2412)).toEqual([
      ...['downtime', 'total', 'sent', 'rounds', 'lost'],
      ...['outcome', 'device', 'created', 'tag'],
    ]);
  });
  it('tell when a run was started on the smallest window too', () => {
    expect(usualColumns(COLUMNS, 1024 - 48)).toContain('created');
  });
  it('lose first what the verdict says as well', () => {
    expect(usualColumns(COLUMNS, 1292)).not.toContain('outcome');
    expect(usualColumns(COLUMNS, 1292)).toContain('created');
  });
  it('are never none', () => {
    expect(usualColumns(COLUMNS, 200)).toEqual(['downtime']);
  });
  it('are none as long as nobody knows which columns there are', () => {
    expect(usualColumns([], 1440)).toEqual([]);
  });
});
