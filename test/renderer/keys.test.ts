import { expect, it } from 'vitest';
import { keyOf } from '../../renderer/app/keys.ts';

const press = (
  key: string,
  held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>> = {},
): string => keyOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

it.each([
  ['letters are written large', press('w'), 'W'],
  ['Shift is named with letters', press('P', { ctrlKey: true, shiftKey: true }), 'Ctrl+Shift+P'],
  ['a sign is what it is on this keyboard', press('?', { shiftKey: true }), '?'],
  ['space has a name', press(' '), 'Space'],
  ['arrows are short', press('ArrowLeft', { shiftKey: true }), 'Shift+Left'],
  ['Alt with a digit', press('1', { altKey: true }), 'Alt+1'],
])('%s', (_, got, want) => {
  expect(got).toBe(want);
});
