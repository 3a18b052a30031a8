// The built window's files, known by name before anyone asks: a request can name one of them or nothing at all, so no path
// leads out of the folder.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

export interface WindowFile {
  readonly file: string;
  readonly type: string;
  /** Named after its contents: may be kept by the browser for ever. */
  readonly immutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};

/** From the path of an address to a file. `/` is index.html. Files of other types, and links out of the folder, are left out. */
export function windowFiles(folder: string): ReadonlyMap<string, WindowFile> {
  const files = new Map<string, WindowFile>();
  if (!existsSync(folder)) return files;
  const root = realpathSync(folder);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name)];
    if (type === undefined || !realpathSync(file).startsWith(root + sep)) continue;
    const path = `/${relative(root, file).split(sep).join('/')}`;
    files.set(path, { file, type, immutable: path.startsWith('/assets/') });
  }
  const index = files.get('/index.html');
  if (index !== undefined) files.set('/', index);
  return files;
}

export function readWindowFile({ file }: WindowFile): Buffer {
  return readFileSync(file);
}
