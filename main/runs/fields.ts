// The fields of an experiment for filters and columns: its text with all defaults, as JSON of plain values. Switches are the
// words true and false, an unlimited rate is the word full: what a person would write in a filter.
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import type { RunFields } from '../store/configs.ts';

export function fieldsOf(text: string): RunFields {
  const parsed = parseExperiment(text, { fileName: '' });
  return { config: parsed.ok ? configJson(parsed.experiment) : null };
}

/** What does not change what happens: two runs with one configuration differ by chance alone. */
const LEFT_OUT = new Set(['version', 'name', 'question', 'notes', 'tags', 'seed', 'expect']);

export function configJson(experiment: Experiment): string {
  return plainJson(Object.fromEntries(Object.entries(experiment).filter(([key]) => !LEFT_OUT.has(key))));
}

/** JSON of plain values, as filters and forms read them. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'boolean') return String(item);
    return item === Infinity ? 'full' : item;
  });
}
