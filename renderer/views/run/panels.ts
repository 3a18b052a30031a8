// Which panels a run has: by what its series are called (engine/experiment/series.ts, main/qemu/observed.ts and the importers
// use the same names), and what is left over by unit, so that nothing a producer reports is out of reach.
import type { SeriesInfo } from '../../../main/contract/runs.ts';

export interface PanelInfo {
  /** Stable: layouts name it. */
  readonly id: string;
  readonly title: string;
  readonly series: readonly SeriesInfo[];
  /** Shown unless a layout says otherwise. */
  readonly usual: boolean;
}

/** The heat map of guest memory is a panel of its own kind. */
export const MEMORY_PANEL = 'memory';

interface Group {
  readonly id: string;
  readonly title: string;
  readonly unit: SeriesInfo['unit'];
  readonly fits: (id: string) => boolean;
  readonly usual: boolean;
}

const among =
  (...ids: readonly string[]) =>
  (id: string): boolean =>
    ids.includes(id);

const GROUPS: readonly Group[] = [
  { id: 'dirty', title: 'Dirty rate', unit: 'pages/s', fits: (id) => id.startsWith('dirty.'), usual: true },
  { id: 'left', title: 'Pages left', unit: 'pages', fits: among('left', 'threshold'), usual: true },
  { id: 'throughput', title: 'Throughput', unit: 'bytes/s', fits: among('throughput'), usual: true },
  {
    id: 'throttle',
    title: 'Throttle and stall',
    unit: 'ratio',
    fits: (id) => id === 'throttle' || id.startsWith('stall.vcpu.'),
    usual: true,
  },
  {
    id: 'faults',
    title: 'Unmaps and faults',
    unit: '1/s',
    fits: (id) => id === 'unmaps' || id === 'faults' || id === 'faults.kvm',
    usual: true,
  },
  { id: 'iotlb', title: 'IOTLB hit rate', unit: 'ratio', fits: among('iotlb.hits'), usual: true },
  { id: 'writes', title: 'Page writes', unit: 'pages/s', fits: (id) => id.startsWith('writes.'), usual: false },
  {
    id: 'device-faults',
    title: 'Faults by device',
    unit: '1/s',
    fits: (id) => id.startsWith('faults.device.'),
    usual: false,
  },
  { id: 'pages', title: 'Pages sent', unit: 'pages/s', fits: among('pages'), usual: false },
  { id: 'sent', title: 'Bytes sent', unit: 'bytes', fits: among('sent'), usual: false },
  { id: 'newly', title: 'Found dirty', unit: 'pages', fits: among('newly'), usual: false },
  { id: 'rounds', title: 'Dirty syncs', unit: 'count', fits: among('rounds'), usual: false },
  { id: 'time', title: 'Harvest and stall', unit: 'ns', fits: among('harvest', 'stall'), usual: false },
];

export function panelsOf(series: readonly SeriesInfo[]): PanelInfo[] {
  const left = new Set(series);
  const panels: PanelInfo[] = [];
  for (const { id, title, unit, fits, usual } of GROUPS) {
    const own = series.filter((one) => one.unit === unit && fits(one.id));
    if (own.length === 0) continue;
    for (const one of own) left.delete(one);
    panels.push({ id, title, series: own, usual });
  }
  for (const unit of new Set([...left].map((one) => one.unit))) {
    const own = [...left].filter((one) => one.unit === unit);
    const title = own.length === 1 ? capital(own[0]!.label) : `Others in ${unit === '1/s' ? 'per second' : unit}`;
    panels.push({ id: `unit.${unit}`, title, series: own, usual: true });
  }
  return panels;
}

/** A panel for one series, or several of one unit. */
export function panelOfSeries(ids: readonly string[], series: readonly SeriesInfo[]): PanelInfo | undefined {
  const own = series.filter(({ id }) => ids.includes(id));
  const [first] = own;
  if (first === undefined) return undefined;
  return { id: `series.${first.id}`, title: capital(first.label), series: own, usual: true };
}

export interface Layout {
  /** Panels that were moved, in their order; the rest follows. */
  readonly order: readonly string[];
  readonly hidden: readonly string[];
  /** Panels that are not usual and are shown; `series.ID`: that series alone. */
  readonly added: readonly string[];
  /** Of which the head alone is shown. */
  readonly collapsed: readonly string[];
  /** Those that the person sized, in pixels. */
  readonly heights: Readonly<Record<string, number>>;
}
export const USUAL_LAYOUT: Layout = { order: [], hidden: [], added: [], collapsed: [], heights: {} };

export const LEAST_PANEL_PX = 56;
export const MOST_PANEL_PX = 2000;

/** Of a panel that nobody sized: on a large screen more is to be seen, on a small one more panels. */
export function usualHeight(panel: string, windowPx: number): number {
  const chart = Math.round(Math.min(176, Math.max(88, 92 + (windowPx - 900) * 0.17)));
  return panel === MEMORY_PANEL ? Math.round(chart * 1.45) : chart;
}

/** Of a panel that nobody sized, at most, when there is room to spare: more would be air. */
const STRETCH = 2.2;

/**
 * How high the shown panels are. Those that nobody sized share what room is left below the others, so that a short list of panels
 * leaves nothing empty; where there is less room than they want, they keep their usual height and are scrolled to.
 */
export function panelHeights(
  panels: readonly string[],
  layout: Pick<Layout, 'collapsed' | 'heights'>,
  { windowPx, roomPx }: { readonly windowPx: number; readonly roomPx: number },
): ReadonlyMap<string, number> {
  const heights = new Map(panels.map((id) => [id, layout.heights[id] ?? usualHeight(id, windowPx)]));
  const open = panels.filter((id) => !layout.collapsed.includes(id));
  const free = open.filter((id) => layout.heights[id] === undefined);
  const left = roomPx - open.reduce((sum, id) => sum + heights.get(id)!, 0);
  const usual = free.reduce((sum, id) => sum + heights.get(id)!, 0);
  if (left <= 0 || usual === 0) return heights;
  const by = Math.min(STRETCH, 1 + left / usual);
  for (const id of free) heights.set(id, Math.floor(heights.get(id)! * by));
  return heights;
}

/** `height` null: as usual. */
export function resized(layout: Layout, panel: string, height: number | null): Layout {
  const heights = Object.fromEntries(Object.entries(layout.heights).filter(([id]) => id !== panel));
  if (height === null) return { ...layout, heights };
  const px = Math.round(Math.min(MOST_PANEL_PX, Math.max(LEAST_PANEL_PX, height)));
  return { ...layout, heights: { ...heights, [panel]: px } };
}

export function toggled(layout: Layout, panel: string): Layout {
  const others = layout.collapsed.filter((id) => id !== panel);
  return { ...layout, collapsed: others.length < layout.collapsed.length ? others : [...others, panel] };
}

/** The panels to show, in order. The memory panel stands after the throughput unless it was moved. */
export function shownPanels(series: readonly SeriesInfo[], layout: Layout): PanelInfo[] {
  const known = panelsOf(series);
  const memory: PanelInfo = { id: MEMORY_PANEL, title: 'Guest memory', series: [], usual: true };
  const after = Math.max(...['dirty', 'left', 'throughput'].map((id) => known.findIndex((panel) => panel.id === id)));
  const all = [...known.slice(0, after + 1), memory, ...known.slice(after + 1)];
  const shown = all.filter(({ id, usual }) => (usual ? !layout.hidden.includes(id) : layout.added.includes(id)));
  for (const id of layout.added) {
    if (!id.startsWith('series.')) continue;
    const alone = panelOfSeries([id.slice('series.'.length)], series);
    if (alone !== undefined) shown.push(alone);
  }
  const place = (id: string): number => {
    const at = layout.order.indexOf(id);
    return at < 0 ? layout.order.length : at;
  };
  return shown
    .map((panel, i) => ({ panel, i }))
    .sort((a, b) => place(a.panel.id) - place(b.panel.id) || a.i - b.i)
    .map(({ panel }) => panel);
}

export function withPanel(layout: Layout, panel: string, usual: boolean): Layout {
  return usual
    ? { ...layout, hidden: layout.hidden.filter((id) => id !== panel) }
    : { ...layout, added: [...layout.added.filter((id) => id !== panel), panel] };
}
export function withoutPanel(layout: Layout, panel: string): Layout {
  const added = layout.added.filter((id) => id !== panel);
  return added.length < layout.added.length
    ? { ...layout, added }
    : { ...layout, hidden: [...layout.hidden.filter((id) => id !== panel), panel] };
}
/** `shown`: as they stand now. `by`: −1 up, +1 down. */
export function moved(layout: Layout, shown: readonly string[], panel: string, by: number): Layout {
  const from = shown.indexOf(panel);
  const to = Math.max(0, Math.min(shown.length - 1, from + by));
  if (from < 0 || from === to) return layout;
  const order = shown.filter((id) => id !== panel);
  order.splice(to, 0, panel);
  // Panels that this run does not have keep a place for runs that do.
  return { ...layout, order: [...order, ...layout.order.filter((id) => !order.includes(id))] };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
