// Every act of the page of a run, for the palette, the menus, the keys and `?`.
import type { Command } from '../../app/commands.svelte.ts';
import { spanOf } from '../../chart/span.ts';
import type { RunModel } from './runModel.svelte.ts';

export interface RunActs {
  readonly snap: (timeNs: number, reachNs: number) => number;
  readonly step: (by: 1 | -1) => void;
  readonly toggleDrawer: () => void;
  readonly addPanel: () => void;
  readonly usualPanels: () => void;
  readonly cancel: () => void;
  readonly rerun: (otherSeed: boolean) => void;
  readonly change: () => void;
  readonly rename: () => void;
  readonly tags: () => void;
  readonly baseline: () => void;
  readonly compare: () => void;
  readonly remove: () => void;
  /** The chosen event's span. */
  readonly picked: () => { readonly timeNs: number; readonly durationNs: number } | null;
  readonly unpick: () => void;
  /** The person moves the view: it no longer follows. */
  readonly moved: () => void;
}

const ZOOM = 0.6;
const PAN = 0.2;

export function runCommands(run: RunModel, acts: RunActs): Command[] {
  const { axis } = run;
  const view = (id: string, title: string, keys: readonly string[], act: () => unknown, quiet = false): Command => ({
    id: `run.${id}`,
    title,
    menu: 'View',
    keys,
    quiet,
    enabled: () => run.detail !== null,
    run: act,
  });
  const move = (id: string, title: string, keys: readonly string[], act: () => void): Command =>
    view(id, title, keys, () => {
      acts.moved();
      act();
    });
  const doing = (id: string, title: string, act: () => unknown, enabled: () => boolean = () => true): Command => ({
    id: `run.${id}`,
    title,
    menu: 'Run',
    enabled: () => run.detail !== null && enabled(),
    run: act,
  });
  const ended = (): boolean => run.detail !== null && !run.running;
  const made = (): boolean => ended() && run.detail?.row.sourceKind !== 'import';
  const mark = (which: 'a' | 'b') => (): void => {
    const at = axis.cursorNs ?? (axis.view.fromNs + axis.view.toNs) / 2;
    axis.mark(which, acts.snap(at, 12 * axis.nsPerPixel));
  };
  return [
    move('zoomIn', 'Zoom in at the cursor', ['W', '+', '=', 'Up'], () => {
      axis.zoom(ZOOM);
    }),
    move('zoomOut', 'Zoom out', ['S', '-', 'Down'], () => {
      axis.zoom(1 / ZOOM);
    }),
    move('earlier', 'Pan to earlier', ['A', 'Left'], () => {
      axis.pan(-PAN);
    }),
    move('later', 'Pan to later', ['D', 'Right'], () => {
      axis.pan(PAN);
    }),
    view('cursorBack', 'Move the cursor back', ['Shift+Left'], () => {
      nudge(-1);
    }),
    view('cursorOn', 'Move the cursor on', ['Shift+Right'], () => {
      nudge(1);
    }),
    move('fit', 'Centre what is chosen; again: fit it, or all', ['F'], focus),
    move('all', 'Show the whole run', ['Home'], () => {
      axis.fit();
    }),
    view(
      'clear',
      'Clear selection, marks, cursor and choice',
      ['Esc'],
      () => {
        acts.unpick();
        return axis.clear();
      },
      true,
    ),
    view('next', 'Next event', ['.'], () => {
      acts.step(1);
    }),
    view('previous', 'Previous event', [','], () => {
      acts.step(-1);
    }),
    view('area', 'Select the stretch of the chosen event', ['R'], () => {
      const event = acts.picked();
      if (event !== null && event.durationNs > 0) axis.select(event.timeNs, event.timeNs + event.durationNs);
    }),
    view('selectView', 'Select all that is shown', ['M'], () => {
      axis.select(axis.view.fromNs, axis.view.toNs);
    }),
    view('markA', 'Place mark A at the cursor', ['Shift+A'], mark('a')),
    view('markB', 'Place mark B at the cursor', ['Shift+B'], mark('b')),
    view('drawer', 'Open or close the details', ['Q'], acts.toggleDrawer),
    view('addPanel', 'Add a panel', ['P'], acts.addPanel),
    view('usualPanels', 'Panels as usual', [], acts.usualPanels),
    {
      ...view('pause', 'Pause the view, or go on', ['Space'], () => {
        if (run.paused) run.resume();
        else run.paused = true;
      }),
      enabled: () => run.running,
    },
    {
      ...view('live', 'Jump to live', ['L'], () => {
        run.toLive();
      }),
      enabled: () => run.running,
    },
    doing('cancel', 'Cancel this run', acts.cancel, () => run.running && run.job !== null),
    doing(
      'again',
      'Run again with the same seed',
      () => {
        acts.rerun(false);
      },
      made,
    ),
    doing(
      'otherSeed',
      'Run again with another seed',
      () => {
        acts.rerun(true);
      },
      made,
    ),
    doing('change', 'Run again with changes', acts.change, made),
    doing('rename', 'Rename this run', acts.rename),
    doing('tags', 'Tags and note of this run', acts.tags),
    doing('baseline', 'Set or clear the baseline', acts.baseline, ended),
    doing('compare', 'Compare with the baseline', acts.compare, ended),
    doing('delete', 'Delete this run', acts.remove, ended),
  ];

  function nudge(by: 1 | -1): void {
    const from = axis.cursorNs ?? (axis.view.fromNs + axis.view.toNs) / 2;
    const to = from + by * 4 * axis.nsPerPixel;
    const { fromNs, toNs } = spanOf(axis.extent.fromNs, axis.extent.toNs);
    axis.cursorNs = Math.min(toNs, Math.max(fromNs, to));
    axis.reveal(axis.cursorNs);
  }

  /** As in other trace viewers: once centres, twice fits. */
  function focus(): void {
    const event = acts.picked();
    const span =
      axis.selection ??
      (event !== null && event.durationNs > 0 ? { fromNs: event.timeNs, toNs: event.timeNs + event.durationNs } : null);
    if (span === null) {
      if (event !== null) axis.centre(event.timeNs);
      else axis.fit();
      return;
    }
    const middle = (span.fromNs + span.toNs) / 2;
    const shown = (axis.view.fromNs + axis.view.toNs) / 2;
    const seen = span.fromNs >= axis.view.fromNs && span.toNs <= axis.view.toNs;
    if (seen && Math.abs(middle - shown) <= 2 * axis.nsPerPixel) axis.fit(span, 0.1);
    else axis.centre(middle);
  }
}
