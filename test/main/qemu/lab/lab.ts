// A lab that is going to be killed: runs the experiment of its first argument in QEMU and says how far it is.

import { runInQemu } from '../../../../main/qemu/run.ts';
import { experimentOf } from '../support.ts';

let phase = '';
await runInQemu(
  experimentOf(process.argv[2]!),
  { head: () => undefined, samples: () => undefined, event: () => undefined, finished: () => undefined },
  {
    allowQemu: true,
    onProgress: (progress) => {
      if (progress.phase !== phase) console.log(`phase ${(phase = progress.phase)}`);
    },
  },
);
console.log('done');
