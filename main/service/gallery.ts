// The examples that come with Brownout, as cards.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import { GALLERY_GROUPS, type GalleryEntry } from '../contract/experiments.ts';

export const EXAMPLES_FOLDER = join(import.meta.dirname, '..', '..', 'examples');

type Example = Omit<GalleryEntry, 'runId'>;

/** In the order of their names, which is that of the gallery. A folder that is not there is an empty gallery. */
export function readExamples(folder: string): Example[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  } catch {
    return [];
  }
  return names
    .sort((a, b) => (a < b ? -1 : 1))
    .flatMap((fileName) => {
      const text = readFileSync(join(folder, fileName), 'utf8');
      const parsed = parseExperiment(text, { fileName });
      // A test holds every example to the schema; one that a user broke on disk is simply not shown.
      return parsed.ok ? [exampleOf(fileName, text, parsed.experiment)] : [];
    });
}

function exampleOf(
  fileName: string,
  text: string,
  {
    name,
    question,
    tags,
    expect,
  }: { name: string; question?: string | undefined; tags: readonly string[]; expect: object },
): Example {
  const group = tags.find((tag) => (GALLERY_GROUPS as readonly string[]).includes(tag)) ?? GALLERY_GROUPS[0];
  return {
    id: fileName.replace(/\.yaml$/u, ''),
    fileName,
    group,
    name,
    question: question ?? '',
    tags: tags.filter((tag) => tag !== group),
    text,
    expect: Object.entries(expect).flatMap(([path, wanted]: [string, unknown]) =>
      typeof wanted === 'object' && wanted !== null && 'text' in wanted && typeof wanted.text === 'string'
        ? [{ path, expected: wanted.text }]
        : [],
    ),
  };
}
