// What the desktop's window has beyond a browser's: the native menu, made from the command registry, and files that were opened
// from outside.
import type { MenuItem } from '../../main/contract/desktop.ts';
import { allCommands, runCommand, type Command } from './commands.svelte.ts';
import { openDesktopFiles } from './openFile.ts';

/** A menu of many acts that a view has at hand elsewhere helps nobody: those without a line in the palette are left out. */
export function menuItems(commands: readonly Command[]): MenuItem[] {
  return commands
    .filter(({ quiet }) => quiet !== true)
    .map(({ id, title, menu, keys, enabled }) => ({
      id,
      title,
      menu,
      accelerator: (keys?.[0] ?? '').replace('Ctrl+', 'CmdOrCtrl+'),
      enabled: enabled?.() ?? true,
    }));
}

/** In a component: does nothing in a browser. */
export function useDesktop(): void {
  const { desktop } = window;
  if (desktop === undefined) return;
  let shown = '';
  $effect(() => {
    const items = menuItems(allCommands());
    const next = JSON.stringify(items);
    if (next === shown) return;
    shown = next;
    void desktop.setMenu(items);
  });
  $effect(() => {
    const leave = [
      desktop.onCommand(runCommand),
      desktop.onFile((file) => {
        void openDesktopFiles([file]);
      }),
    ];
    return () => {
      for (const one of leave) one();
    };
  });
}
