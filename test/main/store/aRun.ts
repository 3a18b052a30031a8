// Runs for tests of the store: small, whole, and with figures that are easy to tell apart.
import type { RunEvent, RunHead, SampleChunk, Summary } from '../../../engine/experiment/result.ts';
import type { NewRun } from '../../../main/store/writer.ts';

export function aHead(columns = 2): RunHead {
  return {
    source: { kind: 'sim', text: 'simulation' },
    engineVersion: '0.1.0',
    seed: 7,
    samplingNs: 10_000_000,
    series: Array.from({ length: columns }, (_, i) => ({
      id: `dirty.device.nic${i}`,
      label: `Dirtied by nic${i}`,
      unit: 'pages/s',
      kind: 'rate',
      source: `nic${i}`,
    })),
  };
}

export function aRun(name = 'a run', columns = 2): NewRun {
  return {
    name,
    tags: ['test'],
    experiment: `name: ${name}\n`,
    fileName: '/somewhere/file.yaml',
    head: aHead(columns),
  };
}

export function aChunk(firstIndex: number, count: number, columns = 2): SampleChunk {
  const timesNs = Float64Array.from({ length: count }, (_, i) => (firstIndex + i + 1) * 10_000_000);
  return {
    firstIndex,
    count,
    timesNs,
    columns: Array.from({ length: columns }, (_, c) =>
      Float64Array.from({ length: count }, (_, i) => (c + 1) * 1000 + ((firstIndex + i) % 100)),
    ),
  };
}

export function anEvent(timeNs: number, text = 'round begins'): RunEvent {
  return { timeNs, durationNs: 0, kind: 'round', text, detail: { pages: 12, why: 'because', final: false } };
}

export function aSummary(change: Partial<Summary> = {}): Summary {
  return {
    outcome: 'completed',
    reason: 'what was left fitted the downtime limit',
    startNs: 0,
    totalNs: 5_000_000_000,
    setupNs: 3_000_000,
    downtimeNs: 212_000_000,
    downtimeParts: [
      { name: 'final sync', durationNs: 12_000_000 },
      { name: 'remaining pages', durationNs: 200_000_000 },
    ],
    bytes: { total: 1e9, normal: 9e8, zero: 9e7, device: 5e6, protocol: 5e6 },
    pages: { total: 300_000, normal: 200_000, zero: 100_000, resent: 2_000, needless: 10, lost: 0 },
    rounds: 4,
    losses: [],
    guestStallNs: 1_000_000,
    guestSpeed: null,
    throttleMaxPercent: 0,
    tracking: { harvestNs: 5_000_000, entriesTouched: 12_345, iotlbFlushes: 4, faults: 99 },
    simulatedNs: 6_000_000_000,
    ...change,
  };
}
