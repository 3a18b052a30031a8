import { describe, expect, it } from 'vitest';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { isGroup, pathText, type Path } from '../../../renderer/views/editor/document/edits.ts';
import { offsetOfPath, pathAtOffset, spotAt } from '../../../renderer/views/editor/document/yamlPlaces.ts';
import { readYaml } from '../../../renderer/views/editor/document/yamlText.ts';
import { fieldAt, fieldsIn, keysAt, readSchema } from '../../../renderer/views/editor/schema/fields.ts';
import { sectionFields } from '../../../renderer/views/editor/schema/sections.ts';
import { greyText, meant } from '../../../renderer/views/editor/schema/spelling.ts';

const root = readSchema(experimentJsonSchema());
const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples');
const at = (...path: Path) =>
  fieldAt(root, path, { devices: [{ type: 'rdma' }], guest: { workloads: [{ pattern: 'zipf' }] } })!;

describe('the schema as a form', () => {
  it('knows kinds, units, bounds, defaults and sources', () => {
    expect(at('guest', 'memory')).toMatchObject({
      kind: 'quantity',
      required: true,
      range: '4MiB to 4TiB',
      unit: 'B, KiB, MiB, GiB, TiB',
    });
    expect(at('migration', 'downtime_limit')).toMatchObject({
      kind: 'quantity',
      required: false,
      byDefault: '300ms',
      source: 'migration/options.c',
    });
    expect(at('iommu', 'format')).toMatchObject({ kind: 'choice', byDefault: 'amd-v1' });
    expect(at('migration', 'multifd')).toMatchObject({ kind: 'switch', byDefault: 'false' });
    expect(at('guest', 'vcpus')).toMatchObject({ kind: 'number', integer: true, range: '1 to 1024' });
    expect(at('expect', 'lost')).toMatchObject({ kind: 'text', numeric: true });
    expect(at('notes')).toMatchObject({ kind: 'text', multiline: true });
  });
  it('has the fields of the variant that is chosen', () => {
    expect(at('devices', 0, 'registrations')).toMatchObject({ kind: 'number' });
    expect(at('devices', 0, 'packet')).toBeUndefined();
    expect(at('devices', 0, 'type')).toMatchObject({
      kind: 'choice',
      choices: ['nic', 'nvme', 'rdma', 'gpu', 'accelerator'],
    });
    expect(fieldsIn(at('devices', 0), { type: 'nic' }).map(({ key }) => key)).toContain('packet');
    expect(at('guest', 'workloads', 0, 'skew')).toMatchObject({ byDefault: '0.99' });
    expect(fieldsIn(at('devices', 0), { type: 'toaster' })).toEqual([]);
  });
  it('knows every field of every example', () => {
    for (const name of readdirSync(EXAMPLES).filter((entry) => entry.endsWith('.yaml'))) {
      const { value } = readYaml(readFileSync(join(EXAMPLES, name), 'utf8'));
      const visit = (here: unknown, path: Path): void => {
        expect(fieldAt(root, path, value), `${name}: ${pathText(path)}`).toBeDefined();
        if (Array.isArray(here)) for (const [i, item] of here.entries()) visit(item, [...path, i]);
        else if (isGroup(here)) for (const [key, item] of Object.entries(here)) visit(item, [...path, key]);
      };
      visit(value, []);
    }
  });
  it('shows every top-level field in exactly one section', () => {
    const shown = sectionFields(root).flatMap(({ fields }) => fields.map(({ key }) => key));
    expect(shown.toSorted()).toEqual(root.fields.map(({ key }) => key).toSorted());
    expect(sectionFields(root).every(({ fields }) => fields.length > 0)).toBe(true);
  });
  it('says what stands there when nothing is set', () => {
    expect(greyText(at('migration', 'link'), 1_250_000_000)).toBe('10Gbit/s');
    expect(greyText(at('viommu', 'iotlb'), 1024)).toBe('1024');
    expect(greyText(at('devices', 0, 'ring', 'offset'), 1024 ** 3)).toBe('1 GiB');
    expect(greyText(at('iommu', 'collapse'), false)).toBe('off');
    expect(greyText(at('iommu', 'page_sizes'), [4096, 2097152])).toBe('4 KiB, 2 MiB');
  });
  it('takes numbers for numbers only where numbers belong', () => {
    expect(meant(at('seed'), ' 42 ')).toBe(42);
    expect(meant(at('name'), '42')).toBe('42');
    expect(meant(at('migration', 'bandwidth'), '0')).toBe(0);
    expect(meant(at('guest', 'memory'), '16GiB')).toBe('16GiB');
    expect(meant(at('seed'), '4x')).toBe('4x');
  });
  it('orders keys as people write them', () => {
    expect(keysAt(root, ['devices', 0], { devices: [{ type: 'nic' }] }).slice(0, 2)).toEqual(['name', 'type']);
    expect(keysAt(root, [], {})[0]).toBe('version');
  });
});

describe('places in the text', () => {
  const text = `name: x\nguest:\n  memory: 4GiB\n  ba\niommu: { format: vt, spl }\ndevices:\n  - type: ni\n    \n`;
  const spot = (before: string, moved = 0) => {
    const found = spotAt(text, text.indexOf(before) + before.length + moved);
    return found === null
      ? null
      : { path: pathText(found.path), isKey: found.isKey, word: text.slice(found.from, found.to) };
  };
  it('tells the group of a key and the field of a value', () => {
    expect(spot('format: vt')).toEqual({ path: 'iommu.format', isKey: false, word: 'vt' });
    expect(spot('type: ni')).toEqual({ path: 'devices[0].type', isKey: false, word: 'ni' });
    expect(spot('  ba')).toEqual({ path: 'guest', isKey: true, word: 'ba' });
    expect(spot('spl')).toEqual({ path: 'iommu', isKey: true, word: 'spl' });
    expect(spot('type: ni\n    ')).toEqual({ path: 'devices[0]', isKey: true, word: '' });
  });
  it('says nothing in comments', () => {
    expect(spotAt('a: 1 # com', 10)).toBeNull();
  });
  it('finds fields by their place and places by their field', () => {
    const { document } = readYaml(text.replace('  ba\n', ''));
    const source = text.replace('  ba\n', '');
    expect(pathText(pathAtOffset(document, source.indexOf('4GiB') + 1)!.path)).toBe('guest.memory');
    expect(pathText(pathAtOffset(document, source.indexOf('format') + 1)!.path)).toBe('iommu.format');
    expect(offsetOfPath(document, ['devices', 0, 'type'])).toBe(source.indexOf('type: ni'));
    expect(offsetOfPath(document, ['guest', 'nowhere'])).toBe(source.indexOf('guest'));
  });
});
