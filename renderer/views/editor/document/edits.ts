// What can be done to an experiment from the form, as data; and what it means, on plain values.
//
// The meaning here is the reference: yamlText.ts does the same to a text and keeps all that people wrote around the values.
// Setting something below a value that is no group replaces that value (`multifd: true` → `multifd: { channels: 4 }`).

export type Path = readonly (string | number)[];

export type Edit =
  | { readonly kind: 'set'; readonly path: Path; readonly value: unknown }
  /** Takes away a field: back to its default. */
  | { readonly kind: 'unset'; readonly path: Path }
  /** `path` is the list's; a list that is not there yet is made. */
  | { readonly kind: 'insert'; readonly path: Path; readonly index: number; readonly value: unknown }
  | { readonly kind: 'remove'; readonly path: Path; readonly index: number }
  | { readonly kind: 'move'; readonly path: Path; readonly from: number; readonly to: number };

export type Values = Readonly<Record<string, unknown>>;

export function isGroup(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof step === 'number' ? !Array.isArray(at) : !isGroup(at) || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** A new value; what the edit does not touch is shared with the old one. */
export function applyEdit(value: unknown, edit: Edit): unknown {
  switch (edit.kind) {
    case 'set':
      return changed(value, edit.path, () => edit.value);
    case 'unset': {
      const key = edit.path.at(-1);
      const parent = edit.path.slice(0, -1);
      const group = valueAt(value, parent);
      if (typeof key !== 'string' || !isGroup(group) || !Object.hasOwn(group, key)) return value;
      return changed(value, parent, () => Object.fromEntries(Object.entries(group).filter(([name]) => name !== key)));
    }
    case 'insert':
      return changed(value, edit.path, (list) => {
        const items: unknown[] = Array.isArray(list) ? [...(list as unknown[])] : [];
        items.splice(edit.index, 0, edit.value);
        return items;
      });
    case 'remove':
      return changedList(value, edit.path, (items) => items.filter((_, i) => i !== edit.index));
    case 'move':
      return changedList(value, edit.path, (items) => {
        const moved = [...items];
        const [item] = moved.splice(edit.from, 1);
        moved.splice(edit.to, 0, item);
        return moved;
      });
  }
}

function changedList(value: unknown, path: Path, change: (items: readonly unknown[]) => readonly unknown[]): unknown {
  const list = valueAt(value, path);
  return Array.isArray(list) ? changed(value, path, () => change(list as unknown[])) : value;
}

function changed(value: unknown, path: Path, change: (old: unknown) => unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (typeof step === 'number') {
    const items: unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [];
    items[step] = changed(items[step], rest, change);
    return items;
  }
  const group = isGroup(value) ? value : {};
  return { ...group, [step]: changed(Object.hasOwn(group, step) ? group[step] : undefined, rest, change) };
}

/** As problems name fields: `guest.workloads[0].rate`. */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

export function pathOf(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/gu)].map((match) =>
    match[1] === undefined ? match[0] : Number(match[1]),
  );
}

/** The same in content; the order of keys does not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  if (!isGroup(a) || !isGroup(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
  );
}
