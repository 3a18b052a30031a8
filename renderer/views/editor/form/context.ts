// The editing that a form belongs to, for its fields at any depth.
import { getContext, setContext } from 'svelte';
import type { Editing } from '../editing.svelte.ts';

const KEY = Symbol('editing');

export function provideEditing(editing: Editing): void {
  setContext(KEY, editing);
}
export function useEditing(): Editing {
  return getContext(KEY);
}
