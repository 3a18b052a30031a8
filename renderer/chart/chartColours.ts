// The tokens that charts are drawn with, resolved once for each change of the theme.
import { theme } from '../app/theme.svelte.ts';
import { tokenColour } from './colours.ts';
import type { PlotColours } from './plot.ts';

export interface ChartColours extends PlotColours {
  readonly cursor: string;
  readonly accent: string;
  readonly lost: string;
  readonly text: string;
  readonly muted: string;
  readonly sunken: string;
  readonly line: string;
  readonly bad: string;
  readonly warning: string;
  readonly brownoutSolid: string;
  /** A token of the eight series, or any other. */
  readonly series: (token: string) => string;
}

let kept: { readonly revision: number; readonly dark: boolean; readonly colours: ChartColours } | undefined;

export function chartColours(): ChartColours {
  const { revision } = theme;
  const dark = getComputedStyle(document.documentElement).colorScheme === 'dark';
  if (kept?.revision === revision && kept.dark === dark) return kept.colours;
  const known = new Map<string, string>();
  const series = (token: string): string => {
    let colour = known.get(token);
    if (colour === undefined) known.set(token, (colour = tokenColour(token)));
    return colour;
  };
  const colours: ChartColours = {
    grid: series('--grid'),
    axis: series('--axis'),
    brownout: series('--brownout'),
    blackout: series('--blackout'),
    onBlackout: series('--on-blackout'),
    cursor: series('--cursor'),
    accent: series('--accent'),
    lost: series('--lost'),
    text: series('--text'),
    muted: series('--text-muted'),
    surface: series('--surface'),
    sunken: series('--sunken'),
    line: series('--line'),
    bad: series('--bad'),
    warning: series('--warning'),
    brownoutSolid: series('--brownout-solid'),
    series,
  };
  kept = { revision, dark, colours };
  return colours;
}
