// What the text knows of the schema: completion of keys and values, and explanations under the pointer.
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { hoverTooltip, type EditorView } from '@codemirror/view';
import type { Extension } from '@codemirror/state';
import { isGroup, valueAt } from '../document/edits.ts';
import { pathAtOffset, spotAt } from '../document/yamlPlaces.ts';
import { readYaml } from '../document/yamlText.ts';
import { discriminator, fieldAt, fieldsIn, isPlain, type Field } from '../schema/fields.ts';

/** Above this size explanations and completion would cost more than they help. */
const MOST_CHARS = 200_000;

export interface Knowledge {
  /** Null until the schema has come. */
  readonly root: () => Field | null;
  /** The file as it was last readable. */
  readonly value: () => unknown;
}

export function assistance(knowledge: Knowledge): Extension {
  return [
    autocompletion({ override: [(context) => complete(context, knowledge)], icons: false }),
    explanations(knowledge),
  ];
}

function complete(context: CompletionContext, { root, value }: Knowledge): CompletionResult | null {
  const schema = root();
  const text = context.state.doc.toString();
  if (schema === null || text.length > MOST_CHARS) return null;
  const spot = spotAt(text, context.pos);
  if (spot === null || (spot.from === context.pos && !context.explicit)) return null;
  const file = value();
  const field = fieldAt(schema, spot.path, file);
  if (field === undefined) return null;
  const options = spot.isKey || !isPlain(field) ? keysOf(field, valueAt(file, spot.path)) : valuesOf(field, file);
  return options.length === 0 ? null : { from: spot.from, to: spot.to, options, validFor: /^[\w-]*$/u };
}

function keysOf(field: Field, value: unknown): Completion[] {
  const group = field.kind === 'list' && field.item !== null ? field.item : field;
  const known = fieldsIn(group, value);
  const fields =
    group.kind === 'variants' ? [discriminator(group), ...known.filter(({ kind }) => kind !== 'fixed')] : known;
  const present = isGroup(value) ? value : {};
  return fields
    .filter(({ key }) => !Object.hasOwn(present, key))
    .map((one) => ({
      label: one.key,
      apply: `${one.key}: `,
      detail: one.byDefault === '' ? (one.required ? 'required' : '') : one.byDefault,
      info: one.description,
      boost: one.required ? 1 : 0,
    }));
}

function valuesOf(field: Field, file: unknown): Completion[] {
  if (field.kind === 'boolean') return [{ label: 'true' }, { label: 'false' }];
  if (field.choices.length > 0)
    return field.choices.map((label) => ({ label, detail: label === field.byDefault ? 'default' : '' }));
  if (field.key === 'device' || field.key === 'dimm') {
    const list = valueAt(file, field.key === 'device' ? ['devices'] : ['guest', 'dimms']);
    return Array.isArray(list)
      ? list.flatMap((one: unknown) =>
          isGroup(one) && typeof one['name'] === 'string' ? [{ label: one['name'] }] : [],
        )
      : [];
  }
  return field.byDefault === '' ? [] : [{ label: field.byDefault, detail: 'default' }];
}

function explanations({ root, value }: Knowledge): Extension {
  return hoverTooltip((view: EditorView, pos) => {
    const schema = root();
    const text = view.state.doc.toString();
    if (schema === null || text.length > MOST_CHARS) return null;
    const found = pathAtOffset(readYaml(text).document, pos);
    const field = found === null ? undefined : fieldAt(schema, found.path, value());
    if (found === null || field === undefined || field.description === '') return null;
    return { pos: found.from, end: found.to, above: true, create: () => ({ dom: explained(field) }) };
  });
}

function explained(field: Field): HTMLElement {
  const box = document.createElement('div');
  box.className = 'cm-explained';
  const line = (text: string, quiet: boolean): void => {
    const part = document.createElement('div');
    if (quiet) part.className = 'quiet';
    part.textContent = text;
    box.append(part);
  };
  line(field.description, false);
  const facts = [
    field.byDefault === '' ? '' : `default ${field.byDefault}`,
    field.range,
    field.unit,
    field.source === '' ? '' : `source: ${field.source}`,
  ].filter(Boolean);
  if (facts.length > 0) line(facts.join(' · '), true);
  return box;
}
