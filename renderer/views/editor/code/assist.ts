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
import type { Reader } from '../document/reader.ts';
import { discriminator, fieldAt, fieldsIn, isPlain, type Field } from '../schema/fields.ts';

export interface Knowledge {
  readonly reader: Reader;
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

async function complete(
  context: CompletionContext,
  { reader, root, value }: Knowledge,
): Promise<CompletionResult | null> {
  const schema = root();
  if (schema === null) return null;
  const spot = await reader.ask({ kind: 'spotAt', text: context.state.doc.toString(), offset: context.pos });
  if (context.aborted || spot === null || (spot.from === context.pos && !context.explicit)) return null;
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

function explanations({ reader, root, value }: Knowledge): Extension {
  return hoverTooltip(async (view: EditorView, pos) => {
    const schema = root();
    if (schema === null) return null;
    const { doc } = view.state;
    const found = await reader.ask({ kind: 'pathAt', text: doc.toString(), offset: pos });
    if (view.state.doc !== doc) return null;
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
