// Arithmetic of stretches of time, in nanoseconds: what zooming and panning do to the part of a run that is shown.
//
// A view never leaves the extent, is never longer than it, and never shorter than MIN_SPAN_NS (or the extent, where that is
// shorter still): so every act ends in a view that can be drawn.

export interface Span {
  readonly fromNs: number;
  readonly toNs: number;
}

/** Times are whole nanoseconds; less than this between the edges shows nothing more. */
export const MIN_SPAN_NS = 20;

export const lengthOf = ({ fromNs, toNs }: Span): number => toNs - fromNs;

export function contains({ fromNs, toNs }: Span, timeNs: number): boolean {
  return fromNs <= timeNs && timeNs <= toNs;
}

export function overlap(a: Span, b: Span): Span | null {
  const fromNs = Math.max(a.fromNs, b.fromNs);
  const toNs = Math.min(a.toNs, b.toNs);
  return fromNs <= toNs ? { fromNs, toNs } : null;
}

/** In order, whichever edge was given first. */
export function spanOf(aNs: number, bNs: number): Span {
  return { fromNs: Math.min(aNs, bNs), toNs: Math.max(aNs, bNs) };
}

/** The nearest view that fits: moved before it is shortened. */
export function within(view: Span, extent: Span): Span {
  const whole = lengthOf(extent);
  const length = Math.min(whole, Math.max(lengthOf(view), Math.min(MIN_SPAN_NS, whole)));
  const fromNs = Math.min(Math.max(view.fromNs, extent.fromNs), extent.toNs - length);
  return { fromNs, toNs: fromNs + length };
}

/** `factor` < 1 comes nearer. What is at `atNs` stays where it is on the screen. */
export function zoomed(view: Span, extent: Span, factor: number, atNs: number): Span {
  const length = Math.min(lengthOf(extent), Math.max(Math.min(MIN_SPAN_NS, lengthOf(extent)), lengthOf(view) * factor));
  const share = lengthOf(view) === 0 ? 0.5 : (atNs - view.fromNs) / lengthOf(view);
  const fromNs = atNs - share * length;
  return within({ fromNs, toNs: fromNs + length }, extent);
}

/** By a share of what is shown; positive: later. */
export function panned(view: Span, extent: Span, share: number): Span {
  const by = lengthOf(view) * share;
  return within({ fromNs: view.fromNs + by, toNs: view.toNs + by }, extent);
}

/** Brings a moment into the middle, as near as the ends of the extent allow. */
export function centred(view: Span, extent: Span, atNs: number): Span {
  const half = lengthOf(view) / 2;
  return within({ fromNs: atNs - half, toNs: atNs + half }, extent);
}

/** A view of a stretch with some room around it. */
export function around(span: Span, extent: Span, room = 0.1): Span {
  const margin = Math.max(lengthOf(span) * room, MIN_SPAN_NS / 2);
  return within({ fromNs: span.fromNs - margin, toNs: span.toNs + margin }, extent);
}

/** Which of the sorted times is nearest; −1 where there is none. Of two equally near ones the earlier. */
export function nearestIndex(times: ArrayLike<number>, timeNs: number): number {
  if (times.length === 0) return -1;
  const after = firstAtOrAfter(times, timeNs);
  if (after === 0) return 0;
  if (after === times.length) return after - 1;
  return times[after]! - timeNs < timeNs - times[after - 1]! ? after : after - 1;
}

/** Index of the first of the sorted times that is not before `timeNs`, or their number. */
export function firstAtOrAfter(times: ArrayLike<number>, timeNs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The nearest of several candidates within `reachNs`; the moment itself where none is that near. */
export function snapped(timeNs: number, candidates: readonly ArrayLike<number>[], reachNs: number): number {
  let best = timeNs;
  let distance = reachNs;
  for (const times of candidates) {
    const at = nearestIndex(times, timeNs);
    if (at < 0) continue;
    const away = Math.abs(times[at]! - timeNs);
    if (away <= distance && (away < distance || best === timeNs)) {
      best = times[at]!;
      distance = away;
    }
  }
  return best;
}
