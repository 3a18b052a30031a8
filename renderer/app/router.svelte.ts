// Where the window is: a view, what it shows, and how, all in the address, so that back, reload and a pasted address work.
// A view reads `route.rest` and `route.query` and writes them with navigate().
// The token leaves the address before it is read.
import './token.ts';
import { addressOf, parseRoute, type Route } from './route.ts';

class Router {
  // The first address of a window in a browser carries its token (`#token=…`), which is no view.
  route = $state.raw(parseRoute(location.hash.startsWith('#/') ? location.hash : ''));
}
export const router = new Router();

window.addEventListener('hashchange', () => {
  // A link with a fragment of a page (`#lost`) is none of ours.
  if (location.hash === '' || location.hash.startsWith('#/')) router.route = parseRoute(location.hash);
});

/** `replace`: without a step in the history, for what changes while one looks (a filter as it is typed). */
export function navigate(
  view: string,
  rest: readonly (string | number)[] = [],
  { query = {}, replace = false }: { readonly query?: Route['query']; readonly replace?: boolean } = {},
): void {
  const address = addressOf(view, rest, query);
  if (replace) {
    history.replaceState(null, '', address);
    router.route = parseRoute(address);
  } else if (address !== location.hash) {
    location.hash = address.slice(1);
  }
}
