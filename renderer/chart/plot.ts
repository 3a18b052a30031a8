// uPlot behind our own interface: it does the canvas, the axes, the grid and the strokes; what is drawn of each series comes from
// envelope.ts. Nothing else in the window knows uPlot.
//
// A track is drawn as two edges, its greatest and its least in every column of pixels, and a wash between them. Where both are
// one (each sample has a pixel of its own) that is a plain line: with steps for rates, which are means over an interval.
import uPlot from 'uplot';
import type { Envelope } from '../../main/contract/block.ts';
import { niceTicks, timeTicks } from './ticks.ts';
import { columnsOf, rangeOf, type Columns, type SeriesKind } from './envelope.ts';
import type { PhaseSpan } from './phases.ts';
import type { Span } from './span.ts';
import { paintDurations, paintPhases, type PhaseColours } from './wash.ts';

export interface PlotTrack {
  readonly kind: SeriesKind;
  readonly envelope: Envelope | null;
  /** Column of the envelope. */
  readonly position: number;
  /** Added to its times: runs that are laid over one another. */
  readonly offsetNs: number;
  readonly colour: string;
  readonly dash: readonly number[];
}

/** A line across the chart: what was allowed. */
export interface ChartLimit {
  readonly value: number;
  /** In the head of the panel, where it covers nothing. */
  readonly label: string;
}

/** Of the first limit, the second …, in the chart and in its head. */
export const LIMIT_DASHES: readonly (readonly [number, number])[] = [
  [2, 3],
  [7, 4],
];

export interface PlotState {
  readonly view: Span;
  /** End of the whole axis: decides the unit of its labels. */
  readonly endNs: number;
  readonly tracks: readonly PlotTrack[];
  readonly phases: readonly PhaseSpan[];
  readonly limits: readonly ChartLimit[];
  /** From the greatest value in sight to what its axis is divided by. */
  readonly factorFor: (greatest: number) => number;
  readonly colours: PlotColours;
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface PlotColours extends PhaseColours {
  readonly grid: string;
  readonly axis: string;
  readonly surface: string;
}

export interface PlotShape {
  /** Of the labels at the left. */
  readonly gutterPx: number;
  /** Whether times are written under the chart. */
  readonly times: boolean;
}

const TIMES_PX = 22;
const TOP_PX = 6;
const FONT = '11px "Inter Variable", system-ui, sans-serif';
/** Least distance of two labels at the left, in pixels. */
const Y_SPACE = 26;
const DUMMY: uPlot.AlignedData = [
  [0, 1],
  [null, null],
];

/** A limit far above everything would press the curves to the floor: it is told in the head of the panel alone. */
function withLimits(greatest: number, limits: readonly ChartLimit[]): number {
  return limits.reduce((most, { value }) => (value <= greatest * 4 ? Math.max(most, value) : most), greatest);
}

/** What the tracks and limits reach within the view. Its unit is that of title and labels, whatever room the axis has beside it. */
export function rangeInSight(
  tracks: readonly (Pick<PlotTrack, 'envelope' | 'position'> & { readonly offsetNs?: number | undefined })[],
  view: Span,
  limits: readonly ChartLimit[],
): { readonly least: number; readonly greatest: number; readonly magnitude: number } {
  let least = 0;
  let greatest = 0;
  for (const { envelope, position, offsetNs = 0 } of tracks) {
    if (envelope === null) continue;
    const range = rangeOf(envelope, position, { fromNs: view.fromNs - offsetNs, toNs: view.toNs - offsetNs });
    if (range === null) continue;
    least = Math.min(least, range.least);
    greatest = Math.max(greatest, range.greatest);
  }
  greatest = withLimits(greatest, limits);
  return { least, greatest, magnitude: Math.max(greatest, -least) };
}

export class Plot {
  #uplot: uPlot | undefined;
  #looks = '';
  #state: PlotState | undefined;
  #top = 1;
  #bottom = 0;
  #magnitude = 0;
  readonly #place: HTMLElement;
  readonly #shape: PlotShape;

  constructor(place: HTMLElement, shape: PlotShape) {
    this.#place = place;
    this.#shape = shape;
  }

  draw(state: PlotState): void {
    this.#state = state;
    if (state.widthPx <= this.#shape.gutterPx || state.heightPx <= 0) return;
    this.#range(state);
    const looks = JSON.stringify(state.tracks.map(({ dash }) => dash));
    if (this.#uplot === undefined || looks !== this.#looks) {
      this.#looks = looks;
      this.#uplot?.destroy();
      this.#uplot = new uPlot(this.#options(state), this.#data(state), this.#place);
      return;
    }
    const u = this.#uplot;
    u.batch(() => {
      if (u.width !== state.widthPx || u.height !== state.heightPx) {
        u.setSize({ width: state.widthPx, height: state.heightPx });
      }
      u.setData(this.#data(state), false);
      u.setScale('x', { min: state.view.fromNs, max: state.view.toNs });
      u.setScale('y', { min: this.#bottom, max: this.#top });
    });
  }

  destroy(): void {
    this.#uplot?.destroy();
    this.#uplot = undefined;
  }

  /** From zero, where nothing is below it: a chart that begins elsewhere makes small things large. */
  #range({ tracks, view, limits }: PlotState): void {
    const { least, greatest, magnitude } = rangeInSight(tracks, view, limits);
    this.#magnitude = magnitude;
    const room = (greatest - least || 1) * 0.06;
    this.#bottom = least < 0 ? least - room : 0;
    this.#top = greatest > 0 ? greatest + room : least < 0 ? 0 : 1;
  }

  #data({ tracks, view }: PlotState): uPlot.AlignedData {
    return [[view.fromNs, view.toNs], ...tracks.map(() => DUMMY[1]!)] as uPlot.AlignedData;
  }

  #now(): PlotState {
    return this.#state!;
  }

  #options({ widthPx, heightPx, tracks }: PlotState): uPlot.Options {
    const { gutterPx, times } = this.#shape;
    const colour = (name: keyof PlotColours) => (): string => this.#now().colours[name];
    const line = { stroke: colour('grid'), width: 1 };
    return {
      width: widthPx,
      height: heightPx,
      padding: [TOP_PX, 0, times ? 0 : 4, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, auto: false, range: () => [this.#now().view.fromNs, this.#now().view.toNs] },
        y: { auto: false, range: () => [this.#bottom, this.#top] },
      },
      axes: [
        {
          show: times,
          size: TIMES_PX,
          gap: 4,
          font: FONT,
          stroke: colour('axis'),
          grid: line,
          ticks: { show: false },
          splits: () => [...this.#times().at],
          values: () => [...this.#times().labels],
        },
        {
          size: gutterPx,
          gap: 8,
          font: FONT,
          stroke: colour('axis'),
          grid: line,
          ticks: { show: false },
          splits: () => this.#levels().map((level) => level * this.#factor()),
          values: (_, splits) => splits.map((split) => LEVEL.format(split / this.#factor())),
        },
      ],
      series: [
        {},
        ...tracks.map(({ dash }, i): uPlot.Series => ({
          scale: 'y',
          width: 1.5,
          dash: [...dash],
          cap: 'butt',
          stroke: () => this.#now().tracks[i]?.colour ?? 'transparent',
          fill: () => washOf(this.#now().tracks[i]?.colour ?? 'transparent'),
          points: { show: false },
          paths: (u) => this.#paths(u, i),
        })),
      ],
      hooks: {
        drawClear: [
          (u) => {
            this.#behind(u);
          },
        ],
        draw: [
          (u) => {
            this.#over(u);
          },
        ],
      },
    };
  }

  #times(): ReturnType<typeof timeTicks> {
    const { view, endNs, widthPx } = this.#now();
    return timeTicks(view, endNs, widthPx - this.#shape.gutterPx);
  }

  #factor(): number {
    return this.#now().factorFor(this.#magnitude);
  }

  #levels(): readonly number[] {
    const height = this.#now().heightPx - TOP_PX - (this.#shape.times ? TIMES_PX : 0);
    const factor = this.#factor();
    return niceTicks(this.#bottom / factor, this.#top / factor, Math.max(1, height / Y_SPACE));
  }

  #behind({ ctx, bbox }: uPlot): void {
    const { phases, view, colours } = this.#now();
    paintPhases(ctx, phases, view, { box: bbox, pixelRatio: uPlot.pxRatio }, colours);
  }

  #over(u: uPlot): void {
    const { phases, view, colours } = this.#now();
    paintDurations(u.ctx, phases, view, { box: u.bbox, pixelRatio: uPlot.pxRatio }, colours, FONT);
    this.#limits(u);
  }

  #limits({ ctx, bbox: { left, top, width, height } }: uPlot): void {
    const { limits, colours } = this.#now();
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.strokeStyle = colours.axis;
    ctx.lineWidth = ratio;
    for (const [i, { value }] of limits.entries()) {
      if (value > this.#top || value < this.#bottom) continue;
      ctx.setLineDash(LIMIT_DASHES[i % LIMIT_DASHES.length]!.map((px) => px * ratio));
      const y = Math.round(top + height - ((value - this.#bottom) / (this.#top - this.#bottom)) * height) + 0.5;
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  #paths(u: uPlot, index: number): uPlot.Series.Paths | null {
    const { tracks, view } = this.#now();
    const track = tracks[index];
    if (track === undefined || track.envelope === null) return null;
    const shifted = { fromNs: view.fromNs - track.offsetNs, toNs: view.toNs - track.offsetNs };
    const columns = columnsOf(track.envelope, track.position, track.kind, shifted, u.bbox.width / uPlot.pxRatio);
    const { left, top, width, height } = u.bbox;
    const perNs = width / Math.max(1e-9, view.toNs - view.fromNs);
    const perValue = height / (this.#top - this.#bottom);
    return edges(columns, {
      // Far outside, doubles would lose the pixels: the canvas clips anyway.
      x: (ns) => left + Math.max(-1e4, Math.min(width + 1e4, (ns - shifted.fromNs) * perNs)),
      y: (value) => top + height - (value - this.#bottom) * perValue,
    });
  }
}

/** Of the line that is drawn around: the dot is wider by that line. */
const DOT_PX = 1.75;
const LEVEL = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });

interface Scales {
  readonly x: (ns: number) => number;
  readonly y: (value: number) => number;
}

/** The greatest as one line; the least as another where it differs; what is between them to be washed. */
function edges({ count, fromNs, toNs, least, greatest }: Columns, { x, y }: Scales): uPlot.Series.Paths {
  const stroke = new Path2D();
  const lower = new Path2D();
  const fill = new Path2D();
  let open = false;
  let apart = false;
  let lastBottom = 0;
  for (let i = 0; i < count; i++) {
    const high = greatest[i]!;
    const low = least[i]!;
    if (Number.isNaN(high)) {
      open = apart = false;
      continue;
    }
    const left = x(fromNs[i]!);
    const right = x(toNs[i]!);
    const top = y(high);
    const bottom = y(low);
    const last = i + 1 === count || Number.isNaN(greatest[i + 1]!);
    if (open) stroke.lineTo(left, top);
    else stroke.moveTo(left, top);
    if (right - left >= 0.5) stroke.lineTo(right, top);
    // A known sample between unknown ones is a dot.
    else if (!open && last) {
      stroke.moveTo(left + DOT_PX, top);
      stroke.arc(left, top, DOT_PX, 0, 2 * Math.PI);
    }
    if (bottom - top > 0.5) {
      const end = last ? Math.max(right, left + 1) : Math.max(right, x(fromNs[i + 1]!));
      fill.rect(left, top, end - left, bottom - top);
      if (!apart) lower.moveTo(left, open ? lastBottom : bottom);
      lower.lineTo(left, bottom);
      lower.lineTo(end, bottom);
      apart = true;
    } else if (apart) {
      lower.lineTo(left, bottom);
      apart = false;
    }
    open = true;
    lastBottom = bottom;
  }
  stroke.addPath(lower);
  return { stroke, fill, clip: null, flags: 0 };
}

/** The same colour, let through. */
function washOf(colour: string): string {
  return colour.startsWith('oklch(') && !colour.includes('/') ? `${colour.slice(0, -1)} / 0.22)` : 'transparent';
}
