// The fields of an experiment for filters and columns: its text with all defaults, as JSON of plain values. Switches are the
// words true and false, an unlimited rate is the word full: what a person would write in a filter.
import { configJson } from '../../engine/experiment/identity.ts';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { RunFields } from '../store/configs.ts';

export function fieldsOf(text: string): RunFields {
  const parsed = parseExperiment(text, { fileName: '' });
  return { config: parsed.ok ? configJson(parsed.experiment) : null };
}
