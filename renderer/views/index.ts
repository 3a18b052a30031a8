// The views there are. Each is loaded when it is first shown; a view is a Svelte component that takes `route`.
import type { Component } from 'svelte';
import FlaskConical from '@lucide/svelte/icons/flask-conical';
import GitCompare from '@lucide/svelte/icons/git-compare';
import Grid3x3 from '@lucide/svelte/icons/grid-3x3';
import TableProperties from '@lucide/svelte/icons/table-properties';
import type { Route } from '../app/route.ts';

export type ViewComponent = Component<{ readonly route: Route }>;

export interface View {
  /** First part of the address. */
  readonly name: string;
  readonly title: string;
  /** Entry in the rail; a view without one belongs to the view named in `under`. */
  readonly rail?: { readonly icon: typeof FlaskConical; readonly key: string };
  readonly under?: string;
  readonly load: () => Promise<{ readonly default: ViewComponent }>;
  /** Fetched ahead, when the window has nothing else to do. */
  readonly soon?: true;
}

export const VIEWS: readonly View[] = [
  {
    name: 'experiments',
    title: 'Experiments',
    rail: { icon: FlaskConical, key: 'Alt+1' },
    load: () => import('./experiments/Experiments.svelte'),
  },
  { name: 'edit', title: 'Editor', under: 'experiments', load: () => import('./editor/Editor.svelte') },
  {
    name: 'runs',
    title: 'Runs',
    rail: { icon: TableProperties, key: 'Alt+2' },
    load: () => import('./runs/Runs.svelte'),
    soon: true,
  },
  { name: 'run', title: 'Run', under: 'runs', load: () => import('./run/Run.svelte') },
  {
    name: 'compare',
    title: 'Compare',
    rail: { icon: GitCompare, key: 'Alt+3' },
    load: () => import('./compare/Compare.svelte'),
  },
  {
    name: 'sweeps',
    title: 'Sweeps',
    rail: { icon: Grid3x3, key: 'Alt+4' },
    load: () => import('./sweeps/Sweeps.svelte'),
  },
];

export function viewNamed(name: string): View | undefined {
  return VIEWS.find((view) => view.name === name);
}
