// The token that a browser host's address carries (`#token=…`, and with it perhaps where to begin: `&open=edit/draft/3`). It is kept
// for this tab alone and taken out of sight as the first thing, before the router reads the address.
const KEY = 'brownout.token';

const fragment = new URLSearchParams(location.hash.slice(1));
const given = fragment.get('token');
if (given !== null) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, '', `${location.pathname}#/${fragment.get('open') ?? ''}`);
}

/** Empty in the desktop's window, which needs none. */
export const token = sessionStorage.getItem(KEY) ?? '';
