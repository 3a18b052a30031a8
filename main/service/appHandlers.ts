// Calls about the app, settings, experiments before they run, and jobs.
import { experimentJsonSchema } from '../../engine/experiment/jsonschema.ts';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import { ServiceError } from '../contract/errors.ts';
import { estimateOf } from './estimate.ts';
import { factsOf } from './facts.ts';
import { readExamples } from './gallery.ts';
import type { Handlers, Parts } from './handlers.ts';
import { Pace } from './pace.ts';

type Methods =
  | 'app.info'
  | 'app.schema'
  | 'settings.get'
  | 'settings.set'
  | 'experiments.gallery'
  | 'experiments.check'
  | 'experiments.recent'
  | 'drafts.list'
  | 'drafts.save'
  | 'drafts.delete'
  | 'jobs.start'
  | 'jobs.cancel'
  | 'jobs.list';

export function appHandlers({ store, jobs, app, examplesFolder }: Parts): Handlers<Methods> {
  let examples: ReturnType<typeof readExamples> | undefined;
  const pace = new Pace(store);
  return {
    'app.info': () => ({ ...app, store: { file: store.file, runs: store.count() } }),
    'app.schema': () => experimentJsonSchema() as ReturnType<Handlers<'app.schema'>['app.schema']>,
    'settings.get': ({ key }) => ({ value: store.setting(key) }),
    'settings.set': ({ key, value }) => {
      store.setSetting(key, value);
      return null;
    },
    'experiments.gallery': () => {
      examples ??= readExamples(examplesFolder);
      return examples.map((example) => ({ ...example, runId: store.newestRunOf(example.text) }));
    },
    'experiments.check': ({ text, fileName = '' }) => {
      const parsed = parseExperiment(text, { fileName: fileName === '' ? '(editor)' : fileName });
      if (!parsed.ok) return { problems: [...parsed.problems], estimate: null, facts: null, resolved: null };
      const { experiment } = parsed;
      return {
        problems: [],
        estimate: estimateOf(experiment, pace.now()),
        facts: factsOf(experiment),
        resolved: JSON.parse(resolvedJson(experiment)) as unknown,
      };
    },
    'experiments.recent': ({ limit }) => store.recentExperiments(limit).map((recent) => ({ ...recent })),
    'drafts.list': () => store.drafts().map((draft) => ({ ...draft })),
    'drafts.save': ({ id, name, text, fileName, ifUpdatedMs }) => {
      // Nothing comes between these two: a call is one turn, and the store has one writer.
      if (id !== null && ifUpdatedMs !== undefined && (store.draftUpdatedMs(id) ?? ifUpdatedMs) !== ifUpdatedMs) {
        throw new ServiceError({ kind: 'conflict', message: 'another window has changed this draft meanwhile' });
      }
      return { ...store.saveDraft(id, { name, text, fileName }) };
    },
    'drafts.delete': ({ id }) => {
      store.deleteDraft(id);
      return null;
    },
    'jobs.start': ({ from, seed, allowQemu = false }) => {
      const again = 'runId' in from ? store.run(from.runId) : undefined;
      const text = 'text' in from ? from.text : (again?.experiment ?? '');
      const fileName = 'text' in from ? from.fileName : (again?.row.fileName ?? '');
      refuseQemu(text, app.qemuAllowed && allowQemu);
      return jobs.start(text, fileName, seed ?? again?.row.seed);
    },
    'jobs.cancel': ({ id }) => {
      jobs.cancel(id);
      return null;
    },
    'jobs.list': () => jobs.list(),
  };
}

/** Booleans stay booleans here: the form shows switches. */
function resolvedJson(experiment: object): string {
  return JSON.stringify(experiment, (_key, item: unknown) => (item === Infinity ? 'full' : item));
}

function refuseQemu(text: string, allowed: boolean): void {
  if (allowed) return;
  const parsed = parseExperiment(text, { fileName: '' });
  if (parsed.ok && parsed.experiment.backend === 'qemu') {
    throw new ServiceError({
      kind: 'refused',
      message: 'this experiment starts QEMU on this machine, and that was not allowed',
      path: 'backend',
      hint: 'Agree to it where you start the run; the app itself must have been started with --allow-qemu, too.',
    });
  }
}
