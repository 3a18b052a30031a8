// Which panels a run has, and what a person may do to them.
import { describe, expect, it } from 'vitest';
import type { SeriesInfo } from '../../main/contract/runs.ts';
import { looksOf } from '../../renderer/views/run/looks.ts';
import {
  moved,
  panelHeights,
  panelsOf,
  shownPanels,
  USUAL_LAYOUT,
  usualHeight,
  withoutPanel,
  withPanel,
} from '../../renderer/views/run/panels.ts';

const series = (id: string, unit: SeriesInfo['unit'], source?: string): SeriesInfo => ({
  id,
  label: id,
  unit,
  kind: 'rate',
  ...(source === undefined ? {} : { source }),
});
const RUN = [
  series('dirty.vcpu.app', 'pages/s', 'app'),
  series('writes.vcpu.app', 'pages/s', 'app'),
  series('left', 'pages'),
  series('threshold', 'pages'),
  series('throughput', 'bytes/s'),
  series('throttle', 'ratio'),
  series('dirty.device.nic0', 'pages/s', 'nic0'),
];
const ids = (layout = USUAL_LAYOUT): string[] => shownPanels(RUN, layout).map(({ id }) => id);

describe('the panels of a run', () => {
  it('are the usual ones, with guest memory after the throughput', () => {
    expect(ids()).toEqual(['dirty', 'left', 'throughput', 'memory', 'throttle']);
  });
  it('hold every series once, and those that nobody foresaw by their unit', () => {
    const all = [...RUN, series('strange.one', 'ns'), series('strange.two', 'ns')];
    const panels = panelsOf(all);
    const names = (some: readonly SeriesInfo[]): string[] => some.map(({ id }) => id).sort();
    expect(names(panels.flatMap((panel) => panel.series))).toEqual(names(all));
    expect(panels.at(-1)).toMatchObject({ id: 'unit.ns', usual: true });
  });
  it('can be hidden and shown again', () => {
    const without = withoutPanel(USUAL_LAYOUT, 'left');
    expect(ids(without)).not.toContain('left');
    expect(ids(withPanel(without, 'left', true))).toEqual(ids());
  });
  it('can be added: one that is not usual, or one series alone', () => {
    const added = withPanel(withPanel(USUAL_LAYOUT, 'writes', false), 'series.left', false);
    expect(ids(added)).toEqual([...ids(), 'series.left'].toSpliced(5, 0, 'writes'));
    expect(ids(withoutPanel(added, 'series.left'))).not.toContain('series.left');
  });
  it('of a series that this run does not have are passed over and kept for others', () => {
    const layout = withPanel(USUAL_LAYOUT, 'series.not.there', false);
    expect(ids(layout)).toEqual(ids());
    expect(layout.added).toContain('series.not.there');
  });
  it('move up and down, and stop at the ends', () => {
    const up = moved(USUAL_LAYOUT, ids(), 'throttle', -2);
    expect(ids(up)).toEqual(['dirty', 'left', 'throttle', 'throughput', 'memory']);
    expect(moved(USUAL_LAYOUT, ids(), 'dirty', -1)).toBe(USUAL_LAYOUT);
  });
});

describe('the lines of a panel', () => {
  it('of a source look the same in every panel', () => {
    const dirty = looksOf(
      RUN.filter(({ id }) => id.startsWith('dirty.')),
      RUN,
    );
    const writes = looksOf(
      RUN.filter(({ id }) => id.startsWith('writes.')),
      RUN,
    );
    expect(dirty.get('dirty.vcpu.app')).toEqual(writes.get('writes.vcpu.app'));
  });
  it('are told apart by colour and by dash, 64 of them too', () => {
    const many = Array.from({ length: 64 }, (_, i) => series(`dirty.device.vf${i}`, 'pages/s', `vf${i}`));
    const looks = [...looksOf(many, many).values()].map(({ token, dash }) => `${token} ${dash.join()}`);
    expect(new Set(looks).size).toBe(64);
  });
  it('without a source take colours that no source of the panel has', () => {
    const mixed = [RUN[0]!, RUN[5]!];
    const looks = looksOf(mixed, RUN);
    expect(looks.get('throttle')?.token).not.toBe(looks.get('dirty.vcpu.app')?.token);
  });
});

describe('how high panels are', () => {
  const windowPx = 900;
  const usual = usualHeight('dirty', windowPx);
  const sum = (heights: ReadonlyMap<string, number>): number => [...heights.values()].reduce((a, b) => a + b, 0);

  it('as usual where there is less room than they want', () => {
    expect(panelHeights(['dirty', 'left'], USUAL_LAYOUT, { windowPx, roomPx: usual })).toEqual(
      new Map([
        ['dirty', usual],
        ['left', usual],
      ]),
    );
  });
  it('a short list fills the room, without a pixel too much', () => {
    const roomPx = 3 * usual;
    const heights = panelHeights(['dirty', 'left'], USUAL_LAYOUT, { windowPx, roomPx });
    expect(sum(heights)).toBeLessThanOrEqual(roomPx);
    expect(sum(heights)).toBeGreaterThan(roomPx - 2);
  });
  it('one panel alone is not blown up without end', () => {
    const heights = panelHeights(['dirty'], USUAL_LAYOUT, { windowPx, roomPx: 5000 });
    expect(heights.get('dirty')).toBeLessThan(3 * usual);
  });
  it('what a person sized or folded stays; the others share what that leaves', () => {
    const layout = { heights: { left: 60 }, collapsed: ['throughput'] };
    const heights = panelHeights(['dirty', 'left', 'throughput'], layout, { windowPx, roomPx: 60 + 2 * usual });
    expect(heights.get('left')).toBe(60);
    expect(heights.get('throughput')).toBe(usual);
    expect(heights.get('dirty')).toBe(2 * usual);
  });
});
