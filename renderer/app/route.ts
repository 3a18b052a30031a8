// Addresses within the window. `#/runs?filter=lost%3A0` is view `runs` with a filter; `#/run/12` view `run` of run 12.

export interface Route {
  /** Name in views/index.ts. */
  readonly view: string;
  /** What follows in the path: ids. */
  readonly rest: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export const HOME = 'experiments';

export function parseRoute(fragment: string): Route {
  const [path = '', search = ''] = fragment.replace(/^#?\/?/u, '').split('?', 2);
  const [view = '', ...rest] = path.split('/').map(decoded);
  return { view: view === '' ? HOME : view, rest, query: Object.fromEntries(new URLSearchParams(search)) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function addressOf(view: string, rest: readonly (string | number)[] = [], query: Route['query'] = {}): string {
  const search = new URLSearchParams(query).toString();
  return `#/${[view, ...rest].map((part) => encodeURIComponent(part)).join('/')}${search === '' ? '' : `?${search}`}`;
}
