// Every act there is: the one registry that feeds the palette, the native menus, the shortcuts and the `?` overlay, so that
// none of them can drift from the others.
//
// Theory: the app registers its commands once, a view registers its own while it is shown (useCommands). Keys are written as
// `Ctrl+Shift+P`, `?`, `Space`; Ctrl means the Command key on a Mac. A single letter does nothing while one types in a field.
import { onMount } from 'svelte';
import { keyOf, typing } from './keys.ts';

export const MENUS = ['File', 'Edit', 'View', 'Run', 'Help'] as const;

export interface Command {
  /** `runs.compare`: lower case, dots. Stable: menus and macros name it. */
  readonly id: string;
  /** As a person would say it: `Compare the chosen runs`. */
  readonly title: string;
  readonly menu: (typeof MENUS)[number];
  /** The first one is shown. */
  readonly keys?: readonly string[];
  /** Now possible? Read when it is shown and before it is run. */
  readonly enabled?: () => boolean;
  readonly run: () => unknown;
  /** Not worth a line in the palette (cursor movements). */
  readonly quiet?: boolean;
}

class Registry {
  commands = $state.raw<readonly Command[]>([]);
}
const registry = new Registry();

/** All, in the order of registration; of two with one id the later one counts. */
export function allCommands(): readonly Command[] {
  return registry.commands;
}

export function registerCommands(commands: readonly Command[]): () => void {
  const ids = new Set(commands.map(({ id }) => id));
  registry.commands = [...registry.commands.filter(({ id }) => !ids.has(id)), ...commands];
  return () => {
    const gone = new Set(commands);
    registry.commands = registry.commands.filter((command) => !gone.has(command));
  };
}

/** In a component: there as long as it is. */
export function useCommands(commands: readonly Command[]): void {
  onMount(() => registerCommands(commands));
}

export function runCommand(id: string): void {
  const command = registry.commands.find((one) => one.id === id);
  if (command !== undefined && (command.enabled?.() ?? true)) command.run();
}

/** For the window's keydown. The latest registration of a key wins: a view may take a key from the app. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const key = keyOf(event);
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const from = event.composedPath()[0] ?? event.target;
  if (plain && key !== 'Esc' && typing(from)) return;
  // A focused button keeps its own keys.
  if (
    (key === 'Enter' || key === 'Space') &&
    from instanceof HTMLElement &&
    from.closest('button, a, [role=menuitem], [role=option], summary')
  )
    return;
  const command = registry.commands.findLast((one) => (one.keys ?? []).includes(key) && (one.enabled?.() ?? true));
  if (command === undefined) return;
  event.preventDefault();
  command.run();
}
