// How keys are written (`Ctrl+Shift+P`, `?`, `Space`), read from events and shown. Ctrl means the Command key on a Mac.

const mac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/u.test(navigator.platform);
const NAMES: Readonly<Record<string, string>> = {
  ' ': 'Space',
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
  ArrowUp: 'Up',
  ArrowDown: 'Down',
  Escape: 'Esc',
};

/** `Ctrl+Shift+P` of a key event. Shift is named with letters and named keys alone: `?` is `?` on every keyboard. */
export function keyOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const named = NAMES[event.key] ?? event.key;
  const letter = /^[a-z]$/iu.test(named);
  const key = letter ? named.toUpperCase() : named;
  const parts: string[] = [];
  if (mac ? event.metaKey : event.ctrlKey) parts.push('Ctrl');
  if (event.altKey) parts.push('Alt');
  if (event.shiftKey && (letter || named.length > 1)) parts.push('Shift');
  return [...parts, key].join('+');
}

/** As it is shown: ⌘ on a Mac. */
export function shownKey(key: string): string {
  return mac ? key.replace('Ctrl+', '⌘').replace('Shift+', '⇧').replace('Alt+', '⌥') : key;
}

/** Does the event come from a field in which one types? */
export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.tagName === 'TEXTAREA' ||
      target.tagName === 'SELECT' ||
      (target.tagName === 'INPUT' &&
        !['checkbox', 'radio', 'button', 'range'].includes((target as HTMLInputElement).type)))
  );
}
