// A second process for tests: node writerProcess.ts FILE NAME COUNT|abandon|kill
// Says the number of each run when it is kept.
import { writeSync } from 'node:fs';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, aSummary } from './aRun.ts';

const [file = '', name = '', what = ''] = process.argv.slice(2);
const store = new Store(file);
const count = Number(what);

for (let i = 0; i < (Number.isNaN(count) ? 1 : count); i++) {
  const writer = store.begin(aRun(name));
  writer.samples(aChunk(0, 50));
  writer.flush();
  if (what === 'abandon') process.exit(0);
  writer.finish(aSummary(), [], 'h');
  writeSync(1, `${writer.id}\n`);
}
if (what === 'kill') process.kill(process.pid, 'SIGKILL');
store.close();
