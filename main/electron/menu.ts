// The native menu, built from the commands of the window's registry and from what every desktop app has.
import type { MenuItem } from '../contract/desktop.ts';
import type { MenuItemConstructorOptions } from './electron.ts';

export interface MenuOptions {
  readonly mac: boolean;
  readonly devTools: boolean;
  readonly choose: (id: string) => void;
  readonly newWindow: () => void;
}

const MODIFIER = /^(?:CmdOrCtrl|CommandOrControl|Command|Cmd|Control|Ctrl|Alt|Option|Shift|Super|Meta)$/u;
const KEY =
  /^(?:[A-Z0-9]|F(?:[1-9]|1\d|2[0-4])|[-)!@#$%^&*(:;+=<,_.>/?~`{\][|\\}"']|Plus|Space|Tab|Backspace|Delete|Insert|Return|Enter|Up|Down|Left|Right|Home|End|PageUp|PageDown|Escape|Esc)$/u;

/**
 * As Electron takes it; undefined where it would refuse it. The window itself listens to keys, the menu only shows them; on a
 * Mac, where the menu always listens, a key without a modifier would be taken from whoever types, so it is left out.
 */
export function shownAccelerator(accelerator: string, mac: boolean): string | undefined {
  if (accelerator === '') return undefined;
  // The key `+` itself ends the text: `Ctrl++`.
  const parts = accelerator.endsWith('++') ? [...accelerator.slice(0, -2).split('+'), 'Plus'] : accelerator.split('+');
  const key = parts.at(-1) ?? '';
  const modifiers = parts.slice(0, -1);
  if (!KEY.test(key) || !modifiers.every((part) => MODIFIER.test(part))) return undefined;
  if (mac && !modifiers.some((part) => part !== 'Shift')) return undefined;
  return parts.join('+');
}

export function menuTemplate(items: readonly MenuItem[], options: MenuOptions): MenuItemConstructorOptions[] {
  const { mac, devTools, choose, newWindow } = options;
  const of = (menu: MenuItem['menu']): MenuItemConstructorOptions[] =>
    items
      .filter((item) => item.menu === menu)
      .map(({ id, title, accelerator, enabled }) => {
        const shown = shownAccelerator(accelerator, mac);
        return {
          id,
          // An ampersand would become an access key.
          label: title.replaceAll('&', '&&'),
          enabled,
          ...(shown === undefined ? {} : { accelerator: shown }),
          registerAccelerator: false,
          click: () => {
            choose(id);
          },
        };
      });
  const line: MenuItemConstructorOptions = { type: 'separator' };
  const joined = (...parts: readonly MenuItemConstructorOptions[][]): MenuItemConstructorOptions[] =>
    parts.filter((part) => part.length > 0).flatMap((part, i) => (i === 0 ? part : [line, ...part]));
  const newWindowItem: MenuItemConstructorOptions = {
    label: 'New Window',
    accelerator: 'CmdOrCtrl+Shift+N',
    click: newWindow,
  };
  return [
    ...(mac ? [{ role: 'appMenu' } satisfies MenuItemConstructorOptions] : []),
    {
      label: '&File',
      submenu: joined(of('File'), [newWindowItem, { role: 'close' }], mac ? [] : [{ role: 'quit' }]),
    },
    {
      label: '&Edit',
      // Undo and redo are the window's own: its editor keeps more than a text field does.
      submenu: joined(of('Edit'), [{ role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }]),
    },
    {
      label: '&View',
      submenu: joined(
        of('View'),
        [{ role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { role: 'togglefullscreen' }],
        devTools ? [{ role: 'reload' }, { role: 'toggleDevTools' }] : [],
      ),
    },
    ...(of('Run').length > 0 ? [{ label: '&Run', submenu: of('Run') }] : []),
    ...(mac ? [{ role: 'windowMenu' } satisfies MenuItemConstructorOptions] : []),
    ...(of('Help').length > 0 ? [{ label: '&Help', role: 'help' as const, submenu: of('Help') }] : []),
  ];
}
