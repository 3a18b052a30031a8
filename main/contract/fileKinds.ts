// What a file is to the lab, by the end of its name and, where that leaves it open, by what is in it: an experiment, which opens
// in the editor, or something with runs in it, which is imported.

export const EXPERIMENT_ENDINGS: readonly string[] = ['yaml', 'yml'];
export const BUNDLE_ENDING = 'brownout';
/** Bundles, reports with bundles in them, logs of other tools. */
export const IMPORT_ENDINGS: readonly string[] = [BUNDLE_ENDING, 'html', 'htm', 'jsonl', 'log', 'txt'];
/** An experiment or somebody's log: the text tells. */
export const JSON_ENDING = 'json';

export type FileKind = 'experiment' | 'import';

/** Undefined: no file of ours. */
export function kindByName(fileName: string): FileKind | 'json' | undefined {
  const ending = endingOf(fileName);
  if (EXPERIMENT_ENDINGS.includes(ending)) return 'experiment';
  if (IMPORT_ENDINGS.includes(ending)) return 'import';
  return ending === JSON_ENDING ? 'json' : undefined;
}

/** Every experiment describes its guest; no log that we read has such a field. What is no JSON is the importer's to refuse. */
export function kindOfJson(text: string): FileKind {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && 'guest' in document ? 'experiment' : 'import';
  } catch {
    return 'import';
  }
}

/** `trace.json` ends with `json`; '' where nothing follows a dot. */
export function endingOf(fileName: string): string {
  return /\.([^./\\]*)$/u.exec(fileName)?.[1]?.toLowerCase() ?? '';
}
