// How a person has arranged the page of a run: panels and drawer, for every run, kept by the host.
import * as z from 'zod';
import { loadSetting, saveSetting } from '../../app/settings.ts';
import { TABS, type Tab } from './drawer/tabs.ts';
import { USUAL_LAYOUT, type Layout } from './panels.ts';

const KEY = 'run.layout';
const names = z.array(z.string().max(400)).max(500);
const schema = z.object({
  panels: z.object({ order: names, hidden: names, added: names }),
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
