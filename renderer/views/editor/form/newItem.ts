// What a new item of a list begins as: the fields it must have, with values that are likely to be right.
import { isGroup, valueAt } from '../document/edits.ts';
import { discriminator, fieldsIn, type Field } from '../schema/fields.ts';

const LIKELY: Readonly<Record<string, string>> = {
  size: '64MiB',
  pages: '1GiB',
  duration: '1s',
  rate: '1Gbit/s',
  'page-rate': '10000 pages/s',
  share: '50%',
  percent: '20%',
  cost: '100ns',
};
const NAMES: Readonly<Record<string, string>> = { dimms: 'dimm', workloads: 'app', devices: 'dev' };

/** `file`: the whole file, for names that are taken and names that can be meant. */
export function newItem(list: Field, file: unknown, chosen?: string): unknown {
  const { item } = list;
  if (item === null) return '';
  if (item.kind === 'quantity') return LIKELY[item.quantity] ?? '';
  if (item.kind === 'variants') return newVariant(list, item, file, chosen ?? item.choices[0] ?? '');
  if (item.kind === 'group')
    return Object.fromEntries(required(item.fields).map((field) => [field.key, likely(field, list, file)]));
  return '';
}

function newVariant(list: Field, item: Field, file: unknown, chosen: string): unknown {
  const fields = required(fieldsIn(item, { [item.by]: chosen })).filter(({ key }) => key !== item.by);
  const name = fields.find(({ key }) => key === 'name');
  return {
    ...(name === undefined ? {} : { name: freeName(chosen, list.key, file) }),
    // A change happens at some time: the form asks for it first.
    ...(list.key === 'changes' ? { at: '1500ms' } : {}),
    [discriminator(item).key]: chosen,
    ...Object.fromEntries(
      fields.filter(({ key }) => key !== 'name').map((field) => [field.key, likely(field, list, file)]),
    ),
  };
}

const required = (fields: readonly Field[]): readonly Field[] => fields.filter((field) => field.required);

function likely(field: Field, list: Field, file: unknown): unknown {
  if (field.key === 'name') return freeName(NAMES[list.key] ?? 'item', list.key, file);
  if (field.key === 'device') return firstName(file, ['devices']) ?? 'nic0';
  if (field.key === 'dimm') return firstName(file, ['guest', 'dimms']) ?? 'dimm0';
  if (field.key === 'offset') return '1GiB';
  if (field.kind === 'group')
    return Object.fromEntries(required(field.fields).map((one) => [one.key, likely(one, list, file)]));
  if (field.kind === 'list') return [newItem(field, file)];
  if (field.choices.length > 0) return field.choices[0];
  if (field.kind === 'number') return 1;
  return LIKELY[field.quantity] ?? '';
}

function firstName(file: unknown, path: readonly string[]): string | undefined {
  const list = valueAt(file, path);
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return isGroup(first) && typeof first['name'] === 'string' ? first['name'] : undefined;
}

/** `nic0`, `nic1` …: the first that no device, workload or module has. */
export function freeName(stem: string, listKey: string, file: unknown): string {
  const lists = [valueAt(file, ['devices']), valueAt(file, ['guest', 'dimms']), valueAt(file, ['guest', 'workloads'])];
  const taken = new Set(
    lists
      .flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
      .map((one: unknown) => (isGroup(one) ? one['name'] : '')),
  );
  const clean = stem.replace(/[^A-Za-z0-9_-]/gu, '').replace(/^[^A-Za-z]+/u, '') || listKey;
  for (let n = 0; ; n++) if (!taken.has(`${clean}${n}`)) return `${clean}${n}`;
}
