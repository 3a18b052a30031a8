// The window's files under a scheme of their own: known by name beforehand (main/serve/files.ts), so no address leads out of the
// folder; each answer carries the policy. Nothing is ever loaded from file://.
import { readWindowFile, windowFiles } from '../serve/files.ts';
import { securityHeaders } from '../serve/headers.ts';
import type { MainElectron, Session } from './electron.ts';
import { isOwn, SCHEME } from './origin.ts';

/** Before the app is ready, once. `standard`: addresses have hosts and paths; `secure`: what only https may use. */
export function registerScheme(protocol: MainElectron['protocol']): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

/** A handler belongs to one partition: that of the windows. */
export function serveScheme(session: Session, folder: string): void {
  const files = windowFiles(folder);
  session.protocol.handle(SCHEME, (request) => answer(files, request));
}

export function answer(
  files: ReturnType<typeof windowFiles>,
  { url, method }: Pick<Request, 'url' | 'method'>,
): Response {
  const headers = securityHeaders([]);
  const refuse = (status: number): Response =>
    new Response(null, { status, headers: { ...headers, 'Cache-Control': 'no-store' } });
  if (!isOwn(url)) return refuse(404);
  if (method !== 'GET' && method !== 'HEAD') return refuse(405);
  const file = files.get(new URL(url).pathname);
  if (file === undefined) return refuse(404);
  let contents: Buffer;
  try {
    contents = readWindowFile(file);
  } catch {
    return refuse(404);
  }
  return new Response(method === 'HEAD' ? null : new Uint8Array(contents), {
    headers: {
      ...headers,
      'Content-Type': file.type,
      'Content-Length': String(contents.length),
      'Cache-Control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-store',
    },
  });
}
