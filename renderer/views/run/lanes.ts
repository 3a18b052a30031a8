// What happened, in lanes over the axis of time: spans (phases, rounds, harvests, states of devices, throttle) and moments
// (unmaps, faults, splits …). Too many for the screen are merged into what a pixel can show, with their number: never left out.
import type { RunEvent } from '../../../main/contract/runs.ts';
import type { Span } from '../../chart/span.ts';

export type LaneTone = 'phase' | 'round' | 'harvest' | 'running' | 'precopy' | 'p2p' | 'stopped' | 'idle' | 'throttle';

export interface LaneSpan extends Span {
  readonly label: string;
  readonly tone: LaneTone;
  /** 0 … 1: how strong a throttle is. */
  readonly strength: number;
  /** Of the event that begins it; −1: none does. */
  readonly event: number;
}

export interface Lane {
  readonly id: string;
  readonly title: string;
  readonly spans: readonly LaneSpan[];
}

/** Lanes whose events are drawn by their number in each pixel, in this order. */
export const MOMENT_KINDS = ['map-change', 'split', 'collapse', 'unmap', 'fault', 'loss', 'error', 'note'] as const;
export type MomentKind = (typeof MOMENT_KINDS)[number];
export const MOMENT_TITLES: Readonly<Record<MomentKind, string>> = {
  'map-change': 'map changes',
  split: 'splits',
  collapse: 'collapses',
  unmap: 'unmaps',
  fault: 'faults',
  loss: 'lost pages',
  error: 'errors',
  note: 'notes',
};

export function lanesOf(events: readonly RunEvent[], endNs: number): Lane[] {
  const lanes: Lane[] = [];
  const spansOf = (kind: RunEvent['kind'], tone: LaneTone, label: (event: RunEvent, i: number) => string): LaneSpan[] =>
    events
      .filter((event) => event.kind === kind)
      .map((event, i) => ({
        fromNs: event.timeNs,
        toNs: event.timeNs + event.durationNs,
        label: label(event, i),
        tone,
        strength: 1,
        event: event.number,
      }))
      .sort((a, b) => a.fromNs - b.fromNs);
  const add = (id: string, title: string, spans: readonly LaneSpan[]): void => {
    if (spans.length > 0) lanes.push({ id, title, spans });
  };
  add(
    'phase',
    'phases',
    spansOf('phase', 'phase', ({ text }) => text),
  );
  const rounds = spansOf('round', 'round', ({ detail, text }, i) =>
    typeof detail['round'] === 'number' ? String(detail['round']) : text === '' ? String(i + 1) : text,
  );
  add('round', 'rounds', [...rounds, ...openRound(events, rounds.at(-1)?.toNs ?? -Infinity, endNs)]);
  add(
    'harvest',
    'harvests',
    spansOf('harvest', 'harvest', ({ text }) => text),
  );
  add('throttle', 'throttle', throttles(events, endNs));
  for (const [source, spans] of deviceStates(events, endNs)) add(`device.${source}`, source, spans);
  return lanes;
}

/** A round is reported when it is over. What the last sync found is sent until the guest resumes, or the run ends. */
function openRound(events: readonly RunEvent[], reportedNs: number, endNs: number): LaneSpan[] {
  const sync = events.findLast(({ kind, detail }) => kind === 'harvest' && typeof detail['round'] === 'number');
  if (sync === undefined || sync.timeNs < reportedNs) return [];
  const fromNs = sync.timeNs + sync.durationNs;
  const over = events.find(({ kind, timeNs }) => kind === 'resume' && timeNs >= fromNs)?.timeNs;
  const phases = events.filter(({ kind }) => kind === 'phase').map(({ timeNs, durationNs }) => timeNs + durationNs);
  const toNs = over ?? Math.max(endNs, ...phases);
  if (toNs <= fromNs) return [];
  return [{ fromNs, toNs, label: String(sync.detail['round']), tone: 'round', strength: 1, event: sync.number }];
}

function throttles(events: readonly RunEvent[], endNs: number): LaneSpan[] {
  const changes = events.filter(({ kind }) => kind === 'throttle').sort((a, b) => a.timeNs - b.timeNs);
  return changes.flatMap((event, i): LaneSpan[] => {
    const { detail, timeNs, number, text } = event;
    const percent = detail['percent'];
    if (percent === 0) return [];
    const toNs = changes[i + 1]?.timeNs ?? resumeAfter(events, timeNs) ?? endNs;
    const known = typeof percent === 'number';
    const label = known ? `${percent}%` : text;
    return [{ fromNs: timeNs, toNs, label, tone: 'throttle', strength: known ? percent / 100 : 0.5, event: number }];
  });
}

function resumeAfter(events: readonly RunEvent[], timeNs: number): number | undefined {
  return events.find((event) => event.kind === 'stop' && event.timeNs >= timeNs)?.timeNs;
}

/** Each device's states: from one change to the next, the first from the beginning of the run. */
function deviceStates(events: readonly RunEvent[], endNs: number): Map<string, LaneSpan[]> {
  const lanes = new Map<string, LaneSpan[]>();
  const changes = events.filter(({ kind }) => kind === 'device-state').sort((a, b) => a.timeNs - b.timeNs);
  for (const { source = 'device', timeNs, durationNs, detail, text, number } of changes) {
    let spans = lanes.get(source);
    if (spans === undefined) lanes.set(source, (spans = []));
    const last = spans.at(-1);
    if (last === undefined) {
      const from = detail['from'];
      if (typeof from === 'string' && timeNs > 0) {
        spans.push({ fromNs: 0, toNs: timeNs, label: from, tone: toneOf(from), strength: 1, event: -1 });
      }
    } else spans[spans.length - 1] = { ...last, toNs: timeNs };
    const to = typeof detail['to'] === 'string' ? detail['to'] : text;
    // A change that takes time is the new state from its beginning on.
    const toNs = Math.max(endNs, timeNs + durationNs);
    spans.push({ fromNs: timeNs, toNs, label: to, tone: toneOf(to), strength: 1, event: number });
  }
  return lanes;
}

function toneOf(state: string): LaneTone {
  if (/P2P/u.test(state)) return 'p2p';
  if (state.startsWith('PRE_COPY')) return 'precopy';
  if (state.startsWith('STOP_COPY')) return 'stopped';
  if (state.startsWith('RUNNING')) return 'running';
  return 'idle';
}

/** What is drawn in one place of a lane. */
export interface LaneBox {
  readonly left: number;
  readonly right: number;
  readonly span: LaneSpan;
  /** How many it stands for; then it has no label of its own. */
  readonly count: number;
}

/** Spans of a lane in sight, those that would fall into one pixel merged. In order; boxes may touch, not overlap by much. */
export function boxesOf(spans: readonly LaneSpan[], view: Span, widthPx: number): LaneBox[] {
  const perNs = widthPx / Math.max(1e-9, view.toNs - view.fromNs);
  const boxes: { left: number; right: number; span: LaneSpan; count: number }[] = [];
  for (const span of spans) {
    if (span.toNs < view.fromNs || span.fromNs > view.toNs) continue;
    const left = Math.max(0, (span.fromNs - view.fromNs) * perNs);
    const right = Math.min(widthPx, (span.toNs - view.fromNs) * perNs);
    const last = boxes.at(-1);
    if (last !== undefined && right - left < 1.5 && left - last.left < 1.5 && last.right - last.left < 2) {
      last.count++;
      last.right = Math.max(last.right, right);
    } else boxes.push({ left, right, span, count: 1 });
  }
  return boxes;
}
