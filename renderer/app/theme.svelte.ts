// Light, dark, or as the system has it. The choice is this window's own and is there before the host answers.
const KEY = 'brownout.theme';
export type ThemeChoice = 'system' | 'light' | 'dark';

const dark = window.matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<ThemeChoice>(stored());
  /** Grows whenever colours changed: canvases read it and draw anew. */
  revision = $state(0);
}
export const theme = new Theme();

function stored(): ThemeChoice {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

function apply(): void {
  const { choice } = theme;
  if (choice === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = choice;
  theme.revision++;
}

export function followTheme(): void {
  apply();
  dark.addEventListener('change', () => theme.revision++);
}

export function chooseTheme(choice: ThemeChoice): void {
  theme.choice = choice;
  localStorage.setItem(KEY, choice);
  apply();
}

export function isDark(): boolean {
  return theme.choice === 'dark' || (theme.choice === 'system' && dark.matches);
}
