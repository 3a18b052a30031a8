// How the form divides the file. A top-level field that no section names stands in the last one, so that none is ever missing.
import type { Field } from './fields.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  /** Top-level fields; those of a section with one group are shown without its title. */
  readonly keys: readonly string[];
}

export const SECTIONS: readonly Section[] = [
  { id: 'experiment', title: 'Experiment', keys: ['name', 'question', 'notes', 'tags'] },
  { id: 'guest', title: 'Guest', keys: ['guest'] },
  { id: 'devices', title: 'Devices', keys: ['devices'] },
  { id: 'viommu', title: 'vIOMMU', keys: ['viommu'] },
  { id: 'iommu', title: 'IOMMU', keys: ['iommu'] },
  { id: 'tracking', title: 'Tracking', keys: ['tracking'] },
  { id: 'memory_map', title: 'Memory map', keys: ['memory_map'] },
  { id: 'changes', title: 'Changes', keys: ['changes'] },
  { id: 'migration', title: 'Migration', keys: ['migration'] },
  { id: 'expect', title: 'Expect', keys: ['expect'] },
  { id: 'defects', title: 'Defects', keys: ['defects'] },
  { id: 'costs', title: 'Costs', keys: ['host', 'costs'] },
  { id: 'lab', title: 'Lab', keys: ['seed', 'sampling', 'limits', 'backend', 'qemu'] },
];

export function sectionFields(root: Field): { readonly section: Section; readonly fields: readonly Field[] }[] {
  const named = new Set(SECTIONS.flatMap(({ keys }) => keys));
  const others = root.fields.filter(({ key }) => !named.has(key));
  return SECTIONS.map((section) => ({
    section,
    fields: [
      ...section.keys.flatMap((key) => root.fields.filter((field) => field.key === key)),
      ...(section.id === 'lab' ? others : []),
    ],
  }));
}

export function sectionOf(key: string): string {
  return SECTIONS.find(({ keys }) => keys.includes(key))?.id ?? 'lab';
}
