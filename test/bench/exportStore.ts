// Makes a store with one long run in three series, through the store's own writer: `node exportStore.ts FILE SAMPLES`.
// A process of its own, so that the memory it takes is not counted against the exports.
import { renameSync } from 'node:fs';
import { Store } from '../../main/store/store.ts';
import { nextLcg } from './bench.ts';

const CHUNK = 65_536;

function fill(file: string, samples: number): void {
  const store = new Store(file);
  const writer = store.begin({
    name: 'a long run',
    tags: [],
    experiment: 'name: a long run\n',
    fileName: '',
    head: {
      source: { kind: 'sim', text: 'bench' },
      engineVersion: '0',
      seed: 1,
      samplingNs: 1_000_000,
      series: [
        { id: 'dirty.device.nic0', label: 'a rate with a fraction', unit: 'pages/s', kind: 'rate' },
        { id: 'left', label: 'pages that rise and fall', unit: 'pages', kind: 'level' },
        { id: 'sent', label: 'a total', unit: 'bytes', kind: 'total' },
      ],
    },
  });
  let [state, sent] = [1, 0];
  for (let first = 0; first < samples; first += CHUNK) {
    const count = Math.min(CHUNK, samples - first);
    const columns = [new Float64Array(count), new Float64Array(count), new Float64Array(count)] as const;
    const timesNs = Float64Array.from({ length: count }, (_, i) => (first + i + 1) * 1_000_000);
    for (let i = 0; i < count; i++) {
      state = nextLcg(state);
      columns[0][i] = (state >>> 8) / 16_777;
      columns[1][i] = state >>> 12;
      columns[2][i] = sent += state >>> 20;
    }
    writer.samples({ firstIndex: first, count, timesNs, columns });
  }
  writer.finish(
    {
      outcome: 'completed',
      reason: '',
      startNs: 0,
      totalNs: null,
      setupNs: null,
      downtimeNs: null,
      downtimeParts: [],
      bytes: { total: null, normal: null, zero: null, device: null, protocol: null },
      pages: { total: null, normal: null, zero: null, resent: null, needless: null, lost: null },
      rounds: null,
      losses: [],
      guestStallNs: null,
      guestSpeed: null,
      throttleMaxPercent: null,
      tracking: { harvestNs: null, entriesTouched: null, iotlbFlushes: null, faults: null },
      simulatedNs: 0,
    },
    [],
    'bench',
  );
  store.close();
}

const [file, samples] = process.argv.slice(2);
if (file === undefined || samples === undefined) throw new Error('usage: exportStore.ts FILE SAMPLES');
fill(`${file}.part`, Number(samples));
renameSync(`${file}.part`, file);
