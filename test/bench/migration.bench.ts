// Whole simulations: a migration with a NIC at 25 Gbit/s against real time, and how time, memory and cost per event grow from a
// guest of 1 GiB to one of 1 TiB.
//
// Times are processor time of the one thread that simulates (process.cpuUsage), so that other programs do not count.
import { validateExperiment } from '../../engine/experiment/parse.ts';
import type { RunSink, Summary } from '../../engine/experiment/result.ts';
import { createSimulation } from '../../engine/experiment/simulate.ts';
import type { Bench, Round } from './bench.ts';

interface Measured {
  readonly summary: Summary;
  readonly hash: string;
  readonly cpuSeconds: number;
  readonly events: number;
  /** Of the whole process, so far. */
  readonly peakMib: number;
}

function simulate(input: object): Measured {
  const parsed = validateExperiment(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings));
  let end: { summary: Summary; hash: string } | undefined;
  const sink: RunSink = {
    head: () => undefined,
    samples: () => undefined,
    event: () => undefined,
    finished: (summary, _expect, hash) => (end = { summary, hash }),
  };
  const cpuBefore = process.cpuUsage();
  const simulation = createSimulation(parsed.experiment, sink);
  while (!simulation.advance(100_000));
  const { user, system } = process.cpuUsage(cpuBefore);
  if (end === undefined) throw new Error('a simulation that is over has a summary');
  return {
    ...end,
    cpuSeconds: (user + system) / 1e6,
    events: simulation.events,
    peakMib: process.resourceUsage().maxRSS / 1024,
  };
}

const minute = {
  name: 'a minute of 25 Gbit/s',
  guest: {
    memory: '64GiB',
    populated: '60%',
    vcpus: 4,
    workloads: [
      {
        ...{ name: 'db', vcpus: 3, pattern: 'hotcold', region: { size: '8GiB' }, rate: '20000 pages/s' },
        hot: { size: '256MiB', share: '90%' },
      },
    ],
  },
  devices: [{ name: 'nic0', type: 'nic', rate: '25Gbit/s', ring: { size: '1GiB' }, pattern: 'random' }],
  migration: { bandwidth: '800MiB/s', link: '25Gbit/s', downtime_limit: '100ms', timeout: '60s' },
};

const grown = (memory: string, nic: boolean): object => ({
  name: memory,
  guest: {
    memory,
    populated: '1%',
    workloads: [{ name: 'w', pattern: 'uniform', region: { offset: '2MiB', size: '8MiB' }, rate: '2000 pages/s' }],
  },
  devices: nic ? [{ name: 'nic0', type: 'nic', rate: '1Gbit/s', ring: { size: '16MiB' } }] : [],
  iommu: { page_sizes: ['4KiB', '2MiB'] },
  migration: { start: '100ms', bandwidth: 0, link: '100Gbit/s', timeout: 0 },
  sampling: '100ms',
});

const round = ({ summary, hash, cpuSeconds, events, peakMib }: Measured, value: number): Round => ({
  value,
  check: hash,
  extra: {
    peakMiB: peakMib,
    nsPerEvent: (cpuSeconds * 1e9) / events,
    events,
    simulatedSeconds: summary.simulatedNs / 1e9,
    lostPages: summary.pages.lost ?? 0,
  },
});

export const benches: readonly Bench[] = [
  {
    name: 'migration of 60 s, 64 GiB, NIC at 25 Gbit/s',
    unit: 'times real time',
    better: 'higher',
    goal: { min: 20 },
    rounds: 2,
    warmUp: 0,
    prepare: () => () => {
      const measured = simulate(minute);
      return round(measured, measured.summary.simulatedNs / 1e9 / measured.cpuSeconds);
    },
  },
  ...['1GiB', '8GiB', '64GiB', '512GiB', '1TiB'].map((memory): Bench => ({
    name: `migration of ${memory}, 1 % populated`,
    unit: 'ms',
    better: 'lower',
    rounds: 2,
    warmUp: 1,
    prepare: () => () => {
      const measured = simulate(grown(memory, true));
      return round(measured, measured.cpuSeconds * 1000);
    },
  })),
];
