// What an experiment should come to, in words for its card: from the conditions of its `expect`, in the order in which a person
// asks: is anything lost, does it finish, and what else is promised.
import type { GalleryEntry } from '../../../main/contract/experiments.ts';

export interface Expectation {
  readonly tone: 'good' | 'warning' | 'lost' | 'neutral';
  readonly text: string;
}

const OUTCOMES: Readonly<Record<string, Expectation>> = {
  completed: { tone: 'good', text: 'completes' },
  'timed-out': { tone: 'warning', text: 'never converges' },
  cancelled: { tone: 'neutral', text: 'is cancelled' },
  failed: { tone: 'warning', text: 'fails' },
};
const ORDER = ['lost', 'outcome'];

export function expectationsOf(expect: GalleryEntry['expect']): Expectation[] {
  const rank = ({ path }: { readonly path: string }): number => (ORDER.includes(path) ? ORDER.indexOf(path) : 9);
  return [...expect].sort((a, b) => rank(a) - rank(b)).map(wordsOf);
}

function wordsOf({ path, expected }: GalleryEntry['expect'][number]): Expectation {
  if (path === 'outcome' && expected in OUTCOMES) return OUTCOMES[expected]!;
  if (path === 'lost') {
    return expected === '0'
      ? { tone: 'good', text: 'no page lost' }
      : {
          tone: 'lost',
          text: /^(more than|>) ?0$/u.test(expected) ? 'loses pages' : `loses ${grouped(expected)} pages`,
        };
  }
  return { tone: 'neutral', text: `${path.replaceAll('_', ' ')} ${grouped(expected)}` };
}

/** `more than 1000000` → `more than 1,000,000`; `<= 60ms` → `≤ 60 ms`. */
function grouped(expected: string): string {
  return expected
    .replace(/\d{4,}/gu, (digits) => Number(digits).toLocaleString('en-US'))
    .replace(/(\d)(?=[a-zµ])/giu, '$1 ')
    .replace('<=', '≤')
    .replace('>=', '≥')
    .replace(/ ?\.\. ?/u, ' to ');
}
