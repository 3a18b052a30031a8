// How an item of a list is called: by its name where it has one, else by what it does, else by its number.
import { isGroup } from '../document/edits.ts';
import { shownValue } from '../schema/spelling.ts';

export function itemTitle(item: unknown, index: number): { readonly name: string; readonly about: string } {
  if (!isGroup(item)) return { name: `${index + 1}`, about: '' };
  const text = (key: string): string => shownValue(item[key]);
  if (text('name') !== '') return { name: text('name'), about: text('type') || text('pattern') || text('size') };
  if (text('do') !== '') {
    const when = text('at') !== '' ? `at ${text('at')}` : text('on') === '' ? '' : `on ${text('on')}`;
    return { name: text('do'), about: [text('device') || text('dimm'), when].filter(Boolean).join(' ') };
  }
  const about = [text('as'), text('for'), text('offset'), text('size')].filter(Boolean).join(' ');
  return { name: text('pattern') || `${index + 1}`, about };
}
