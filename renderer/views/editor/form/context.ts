// The editing that a form belongs to, for its fields at any depth; and the component that shows any field, which fields within
// fields need (an import would go round in a circle).
import { getContext, setContext, type Component } from 'svelte';
import type { Path } from '../document/edits.ts';
import type { Editing } from '../editing.svelte.ts';
import type { Field } from '../schema/fields.ts';

const EDITING = Symbol('editing');
const ROW = Symbol('row');
const PLACE = Symbol('place');

export type Row = Component<{ readonly field: Field; readonly path: Path; readonly flat?: boolean }>;

export function provideEditing(editing: Editing, row: Row): void {
  setContext(EDITING, editing);
  setContext(ROW, row);
}
export function useEditing(): Editing {
  return getContext(EDITING);
}
export function useRow(): Row {
  return getContext(ROW);
}

/** A second place that shows fields (the schedule's): its elements have ids of their own. */
export function providePlace(name: string): void {
  setContext(PLACE, `${name}-`);
}
export function usePlace(): string {
  return getContext<string | undefined>(PLACE) ?? '';
}
