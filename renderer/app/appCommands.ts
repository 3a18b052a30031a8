// Commands that are there in every view.
import type { View } from '../views/index.ts';
import type { Command } from './commands.svelte.ts';
import { overlays } from './overlays.svelte.ts';
import { navigate } from './router.svelte.ts';
import { chooseTheme, isDark } from './theme.svelte.ts';

export function appCommands(views: readonly View[]): Command[] {
  return [
    ...views.flatMap(({ name, title, rail }): Command[] =>
      rail === undefined
        ? []
        : [
            {
              id: `view.${name}`,
              title: `Go to ${title}`,
              menu: 'View',
              keys: [rail.key],
              run: () => {
                navigate(name);
              },
            },
          ],
    ),
    {
      id: 'app.palette',
      title: 'Find a command, a run or an experiment',
      menu: 'View',
      keys: ['Ctrl+P', 'Ctrl+Shift+P'],
      run: () => (overlays.palette = true),
    },
    {
      id: 'app.help',
      title: 'Show the keys of this view',
      menu: 'Help',
      keys: ['?'],
      run: () => (overlays.help = true),
    },
    {
      id: 'app.theme',
      title: 'Switch between light and dark',
      menu: 'View',
      keys: ['Ctrl+Shift+L'],
      run: () => {
        chooseTheme(isDark() ? 'light' : 'dark');
      },
    },
    {
      id: 'app.theme.system',
      title: 'Light or dark as the system has it',
      menu: 'View',
      run: () => {
        chooseTheme('system');
      },
    },
  ];
}
