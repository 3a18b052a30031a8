// Where runs are kept when nobody says otherwise: the platform's folder for a user's data.
import { homedir } from 'node:os';
import { join } from 'node:path';

export function defaultStoreFile(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const own = env['BROWNOUT_DB'];
  if (own !== undefined && own !== '') return own;
  return join(dataFolder(env, platform), 'runs.brownout.db');
}

function dataFolder(env: NodeJS.ProcessEnv, platform: string): string {
  if (platform === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'Brownout');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Brownout');
  const data = env['XDG_DATA_HOME'];
  // The XDG base directory specification has relative paths ignored.
  return join(data?.startsWith('/') === true ? data : join(homedir(), '.local', 'share'), 'brownout');
}
