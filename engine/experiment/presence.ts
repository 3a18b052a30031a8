// What is not there at the start of a run: what the timeline plugs before it unplugs it.

import type { Experiment } from './schema.ts';

type Timed = Pick<Experiment, 'changes'>;

/** Whether the first thing that the timeline says of a device's presence is that it comes. */
export function deviceComesLater({ changes }: Timed, device: string): boolean {
  const turns = changes.filter((c) => (c.do === 'plug-device' || c.do === 'unplug-device') && c.device === device);
  turns.sort((a, b) => (a.at ?? Infinity) - (b.at ?? Infinity));
  return turns[0]?.do === 'plug-device';
}

/** The same for a memory module: its first change in the list. */
export function dimmComesLater({ changes }: Timed, dimm: string): boolean {
  const first = changes.find((c) => (c.do === 'plug-memory' || c.do === 'unplug-memory') && c.dimm === dimm);
  return first?.do === 'plug-memory';
}
