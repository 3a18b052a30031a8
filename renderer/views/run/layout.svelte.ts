// How a person has arranged the page of a run: panels and drawer, for every run, kept by the host.
import * as z from 'zod';
import type { RunEvent } from '../../../main/contract/runs.ts';
import { loadSetting, saveSetting } from '../../app/settings.ts';
import { TABS, type Tab } from './drawer/tabs.ts';
import { LEAST_PANEL_PX, MOST_PANEL_PX, USUAL_LAYOUT, type Layout } from './panels.ts';

const KEY = 'run.layout';
const names = z.array(z.string().max(400)).max(500);
const schema = z.object({
  panels: z.object({
    order: names,
    hidden: names,
    added: names,
    // Younger than the others.
    collapsed: names.default([]),
    heights: z.record(z.string().max(400), z.number().min(LEAST_PANEL_PX).max(MOST_PANEL_PX)).default({}),
  }),
  drawer: z.object({
    open: z.boolean(),
    tab: z.enum(TABS.map(({ name }) => name)),
    height: z.number().min(100).max(2000),
  }),
});

export class RunLayout {
  panels = $state.raw<Layout>(USUAL_LAYOUT);
  open = $state(false);
  tab = $state<Tab>('selection');
  height = $state(250);
  /** Kinds of events that are neither listed nor stepped to; not kept. */
  without = $state.raw<ReadonlySet<RunEvent['kind']>>(new Set());
  #loaded = false;

  async load(): Promise<void> {
    try {
      const kept = await loadSetting(KEY, schema);
      if (kept !== null) {
        this.panels = kept.panels;
        this.open = kept.drawer.open;
        this.tab = kept.drawer.tab;
        this.height = kept.drawer.height;
      }
    } finally {
      this.#loaded = true;
    }
  }

  /** To be called when something has changed. */
  keep(): void {
    const { panels, open, tab, height } = this;
    if (this.#loaded) saveSetting(KEY, { panels, drawer: { open, tab, height: Math.round(height) } });
  }
}
