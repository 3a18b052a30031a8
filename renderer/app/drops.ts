// What happens with files that are dropped on the window: each goes to the first taker that wants it.
import { MAX_EXPERIMENT_CHARS } from '../../main/contract/limits.ts';
import { call, messageOf } from './host.svelte.ts';
import { importable, importFiles } from './importing.ts';
import { navigate } from './router.svelte.ts';
import { toast } from './toasts.svelte.ts';

export interface FileTaker {
  wants(file: File): boolean;
  take(files: readonly File[]): Promise<void>;
}

const takers: FileTaker[] = [
  {
    wants: ({ name }) => /\.ya?ml$/iu.test(name),
    async take(files) {
      for (const file of files) {
        if (file.size > MAX_EXPERIMENT_CHARS) {
          toast(`${file.name} is too large for an experiment`, { tone: 'bad' });
          continue;
        }
        const draft = await call('drafts.save', {
          id: null,
          name: file.name,
          text: await file.text(),
          fileName: file.name,
        });
        navigate('edit', ['draft', draft.id]);
      }
    },
  },
  { wants: importable, take: importFiles },
];

/** The later one is asked first. */
export function registerTaker(taker: FileTaker): void {
  takers.unshift(taker);
}

export async function dropped(files: readonly File[]): Promise<void> {
  let rest = files;
  for (const taker of takers) {
    const wanted = rest.filter((file) => taker.wants(file));
    rest = rest.filter((file) => !wanted.includes(file));
    if (wanted.length === 0) continue;
    try {
      await taker.take(wanted);
    } catch (error) {
      toast(messageOf(error), { tone: 'bad' });
    }
  }
  for (const { name } of rest) toast(`${name} is no file that Brownout reads`, { tone: 'bad' });
}
