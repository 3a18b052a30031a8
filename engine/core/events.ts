// Events of a run: what the engine says happened, beside the series that say how much.

export const EVENT_KINDS = [
  'phase', // setup, precopy, switchover, device state, resume…: spans of the migration
  'round',
  'harvest', // one dirty sync: what it found and what it cost
  'stop',
  'resume',
  'throttle',
  'device-state',
  'map-change',
  'split',
  'collapse',
  'unmap',
  'fault',
  'loss', // the step that dropped dirt; `detail.pages` counts, the summary's `losses` lists
  'error',
  'note',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** A point (`durationNs` 0) or a span on the time axis. `detail` is flat so that every store and export can hold it. */
export interface RunEvent {
  readonly timeNs: number;
  readonly durationNs: number;
  readonly kind: EventKind;
  /** One line, in the field's terms. */
  readonly text: string;
  /** Name of the device, vCPU group or listener concerned. */
  readonly source?: string;
  readonly detail: Readonly<Record<string, number | string | boolean>>;
}
