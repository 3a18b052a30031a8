import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../engine/experiment/parse.ts';

const parse = (text: string) => parseExperiment(text, { fileName: 'x.yaml' });

describe('parseExperiment', () => {
  it('fills in every default of the smallest experiment', () => {
    const result = parse('name: Smallest\nguest: {memory: 1GiB}\n');
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { experiment } = result;
    expect(experiment.guest.memory).toBe(1 << 30);
    expect(experiment.guest.filled).toBe(Math.floor((0.6 * (1 << 30)) / 4096) * 4096);
    expect(experiment.migration.bandwidth).toBe(128 << 20);
    expect(experiment.migration.downtime_limit).toBe(300_000_000);
    expect(experiment.migration.auto_converge).toEqual({
      enabled: false,
      initial: 20,
      increment: 10,
      max: 99,
      threshold: 50,
      tailslow: false,
    });
    expect(experiment.iommu.page_sizes).toEqual([4096]);
  });

  it('reports all problems at once, sorted by position', () => {
    const result = parse('nmae: x\nguest:\n  memory: 16G\n  vcpus: four\nexpect: {lost: few}\n');
    if (result.ok) throw new Error('accepted');
    expect(result.problems.map(({ line, column, path }) => [line, column, path])).toEqual([
      [1, 1, 'name'],
      [1, 1, 'nmae'],
      [3, 11, 'guest.memory'],
      [4, 10, 'guest.vcpus'],
      [5, 16, 'expect.lost'],
    ]);
  });
});
