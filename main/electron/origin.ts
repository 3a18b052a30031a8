// The app's own scheme, and the origins on it. Addresses are compared by their parsed parts, never by how they begin.

export const SCHEME = 'brownout';
const HOST = 'app';
/** As Chromium writes the origin of a standard scheme. */
export const ORIGIN = `${SCHEME}://${HOST}`;
export const WINDOW_ADDRESS = `${ORIGIN}/index.html`;

/** Of pages that are printed (printPage.ts); no window shows them, and nobody who speaks from there is heard. */
const PRINT_HOST = 'print';
export const PRINT_ORIGIN = `${SCHEME}://${PRINT_HOST}`;

export const isOwn = (address: string): boolean => isAt(address, HOST);
export const isPrinted = (address: string): boolean => isAt(address, PRINT_HOST);

function isAt(address: string, host: string): boolean {
  const url = URL.parse(address);
  return (
    url !== null &&
    url.protocol === `${SCHEME}:` &&
    url.host === host &&
    url.username === '' &&
    url.password === '' &&
    url.port === ''
  );
}

/** Pages that a person may be sent to in the browser: sources that the lab cites. */
const DOCUMENTATION: readonly string[] = [
  'docs.kernel.org',
  'www.kernel.org',
  'git.kernel.org',
  'lore.kernel.org',
  'elixir.bootlin.com',
  'www.qemu.org',
  'qemu.org',
  'gitlab.com',
  'github.com',
  'www.libvirt.org',
  'libvirt.org',
];

/** The address as it may be opened, written anew by the parser; undefined: it may not. */
export function documentationAddress(address: string): string | undefined {
  const url = URL.parse(address);
  if (url?.protocol !== 'https:' || !DOCUMENTATION.includes(url.hostname)) return undefined;
  if (url.username !== '' || url.password !== '' || url.port !== '') return undefined;
  return url.href;
}
