// How long an experiment will take to simulate, and how much it will hold: a rough reckoning for the editor, from the course that it
// will take (course.ts).
//
// Wall-clock time: a cost for each event, write, first write to a clean page (a fault), unmap, value and page of guest memory:
// a least-squares fit (none negative, each error relative to its run) of the CPU seconds of the 27 examples to what is reckoned
// that they do, on a server of 2 cores under Node 24. Events of all 27 are within a factor of 2 (test/examples.test.ts), seconds of 25.
// Machines differ by a factor, and so does what else they do: `pace` is how much longer finished runs of this store took than was
// reckoned for them.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import type { Estimate } from '../contract/experiments.ts';
import { courseOf } from './course.ts';

const SECONDS_TO_BEGIN = 0.1;
const SECONDS_PER_EVENT = 2e-6;
const SECONDS_PER_WRITE = 0.011e-6;
const SECONDS_PER_FAULT = 0.16e-6;
const SECONDS_PER_UNMAP = 1.3e-6;
const SECONDS_PER_VALUE = 5e-6;
const SECONDS_PER_PAGE_OF_GUEST = 0.0042e-6;
/** Stored bytes of one value, compressed, with the pyramid above it. */
const BYTES_PER_VALUE = 2.2;

export function estimateOf(experiment: Experiment, pace = 1): Estimate {
  const { guest, devices, sampling } = experiment;
  const { simulatedNs, events, writes, unmaps, faults } = courseOf(experiment);
  const samples = Math.ceil(simulatedNs / sampling);
  const series = 3 * guest.workloads.length + 3 * devices.length + (devices.length > 0 ? 3 : 0) + 11;
  const values = samples * (series + 1);
  const wallSeconds =
    SECONDS_TO_BEGIN +
    events * SECONDS_PER_EVENT +
    writes * SECONDS_PER_WRITE +
    unmaps * SECONDS_PER_UNMAP +
    faults * SECONDS_PER_FAULT +
    values * SECONDS_PER_VALUE +
    (guest.memory / PAGE_SIZE) * SECONDS_PER_PAGE_OF_GUEST;
  return {
    simulatedNs,
    wallSeconds: experiment.backend === 'qemu' ? simulatedNs / 1e9 + 5 : wallSeconds * pace,
    samples,
    series,
    bytes: Math.round(values * BYTES_PER_VALUE) + 20_000,
  };
}
