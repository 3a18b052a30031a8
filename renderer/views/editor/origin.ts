// Where an experiment's text comes from.
import { MAX_NAME_CHARS } from '../../../main/contract/limits.ts';
import { call } from '../../app/host.svelte.ts';
import { templateNamed, TEMPLATES } from '../experiments/templates.ts';

export interface Origin {
  readonly kind: 'example' | 'draft' | 'run' | 'new';
  readonly id: string;
}
export interface Source {
  readonly text: string;
  readonly fileName: string;
  readonly draftId: number | null;
  readonly draftMs: number | null;
}

const NO_DRAFT = { draftId: null, draftMs: null } as const;

export async function source({ kind, id }: Origin): Promise<Source | null> {
  switch (kind) {
    case 'example': {
      const entry = (await call('experiments.gallery', {})).find((one) => one.id === id);
      return entry === undefined ? null : { text: entry.text, fileName: entry.fileName, ...NO_DRAFT };
    }
    case 'draft': {
      const draft = (await call('drafts.list', {})).find((one) => String(one.id) === id);
      return draft === undefined
        ? null
        : { text: draft.text, fileName: draft.fileName, draftId: draft.id, draftMs: draft.updatedMs };
    }
    case 'run': {
      if (!/^[1-9]\d{0,14}$/u.test(id)) return null;
      const { experiment, row } = await call('runs.get', { id: Number(id) });
      return { text: experiment, fileName: row.fileName, ...NO_DRAFT };
    }
    case 'new':
      return { text: (templateNamed(id) ?? TEMPLATES[0]!).text, fileName: 'experiment.yaml', ...NO_DRAFT };
  }
}

/** Without its folder: a run from the command line has kept that too. */
export function ownName(fileName: string): string {
  const name = fileName.split(/[/\\]/u).at(-1) ?? '';
  return name === '' ? 'experiment.yaml' : name.slice(0, MAX_NAME_CHARS);
}
