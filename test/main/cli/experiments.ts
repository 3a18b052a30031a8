// Experiments for tests of the command: one that ends at once, one that takes minutes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aFolder } from '../aFolder.ts';

const SMALL = `name: A small guest
guest:
  memory: 256MiB
  vcpus: 2
  workloads: [{name: db, vcpus: 2, pattern: uniform, region: {size: 64MiB}, rate: 5000 pages/s}]
devices: [{name: nic0, type: nic, rate: 200Mbit/s, ring: {offset: 128MiB, size: 4MiB}}]
migration: {start: 200ms, bandwidth: 512MiB/s}
`;
const LONG = `name: Never converges
guest:
  memory: 4GiB
  vcpus: 4
  workloads: [{name: db, vcpus: 4, pattern: uniform, region: {size: 3GiB}, rate: full}]
migration: {start: 100ms, bandwidth: 32MiB/s, timeout: 0s}
limits: {simulated: 9min}
`;

function file(text: string): string {
  const path = join(aFolder(), 'experiment.yaml');
  writeFileSync(path, text);
  return path;
}

export const aSmallExperiment = (more = ''): string => file(SMALL + more);
export const aLongExperiment = (): string => file(LONG);
