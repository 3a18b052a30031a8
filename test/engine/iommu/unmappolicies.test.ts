import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../../engine/core/random.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';
import { UNMAP_POLICIES, unmapPolicyNamed } from '../../../engine/iommu/unmappolicies.ts';
import type { UnmapPolicy } from '../../../engine/iommu/unmappolicies.ts';
import { UnmapTask } from '../../../engine/iommu/unmaptask.ts';
import { Lab, granulesOf } from './lab.ts';

/** Seeds within which an unsafe policy must have lost a page. */
const SEEDS = 60;

/** Runs one unmap with the device writing between its steps; answers granules lost, and those the task says it dropped. */
function race(row: PteFormat, log2: number, held: boolean, policy: UnmapPolicy, seed: number): [number[], number[]] {
  const random = new RandomStream(seed, 'race');
  const lab = new Lab({ row, held, leaves: [log2] });
  const count = 4 * 2 ** log2;
  const first = 8 * 2 ** log2;
  lab.map(first, count);
  lab.startTracking(first + count);
  const act = (): void => {
    for (let n = random.nextBelow(5); n > 0; n--) lab.deviceActs(random, first + random.nextBelow(count));
  };
  act();
  const task = new UnmapTask(lab.domain, policy, first, count);
  while (task.nextOp !== undefined) {
    task.step();
    act();
  }
  expect(task.unmapped).toBe(count);
  expect(lab.domain.table.mapped).toBe(0);
  // The VMM copies what was reported now; a write that lands later is not in the copy.
  lab.reported(task.found);
  lab.settle();
  return [[...lab.pending].sort((a, b) => a - b), granulesOf(task.dropped)];
}

for (const policy of UNMAP_POLICIES) {
  for (const mode of ['memory', 'held'] as const) {
    const safe = policy.safeWith.includes(mode);
    describe(`${policy.name}, dirty ${mode === 'held' ? 'held in the IOTLB' : 'in memory at once'}: ${safe ? 'loses nothing' : 'loses'}`, () => {
      for (const row of FORMATS) {
        const sizes = row.indexBits > 9 ? [0] : row.replicated ? [0, 2, row.indexBits] : [0, row.indexBits];
        for (const log2 of sizes) {
          it(`${row.name}, leaves of ${2 ** log2} granules`, () => {
            let losing = 0;
            for (let seed = 0; seed < SEEDS; seed++) {
              const [lost, dropped] = race(row, log2, mode === 'held', policy, seed);
              if (lost.length > 0) losing++;
              if (safe) expect({ seed, lost }).toEqual({ seed, lost: [] });
              // The task names what it dropped: no page is lost that it did not.
              expect({ seed, unexplained: lost.filter((granule) => !dropped.includes(granule)) }).toEqual({
                seed,
                unexplained: [],
              });
            }
            expect(losing > 0).toBe(!safe);
          });
        }
      }
    });
  }
}

describe('which step loses', () => {
  const row = formatNamed('vtd-ss');
  const dropsOf = (
    name: UnmapPolicy['name'],
    held: boolean,
    before: (lab: Lab) => void,
    writeAfter: number,
  ): [string, number][] => {
    const lab = new Lab({ row, held });
    lab.map(4, 2);
    before(lab);
    const task = new UnmapTask(lab.domain, unmapPolicyNamed(name), 4, 2);
    const drops: [string, number][] = [];
    for (let i = 0; task.nextOp !== undefined; i++) {
      if (i === writeAfter) lab.write(5);
      const { op, dropped } = task.step();
      if (dropped > 0) drops.push([op, dropped]);
    }
    return drops;
  };

  it('unmap-only drops all dirt when the entries go', () => {
    expect(dropsOf('unmap-only', false, (lab) => lab.write(4), -1)).toEqual([['remove', 1]]);
  });

  it('query then unmap drops the write that falls between the two', () => {
    expect(dropsOf('query-then-unmap', false, (lab) => lab.write(4), 1)).toEqual([['remove', 1]]);
    expect(dropsOf('query-then-unmap', false, (lab) => lab.write(5), 1)).toEqual([]);
  });

  it('exchange with held bits drops at the flush what the entry cannot take back', () => {
    expect(dropsOf('exchange', true, (lab) => lab.write(4), -1)).toEqual([['flush', 1]]);
  });

  it('every step says what it cost', () => {
    const lab = new Lab({ row });
    lab.map(0, 512);
    const task = new UnmapTask(lab.domain, unmapPolicyNamed('nonpresent-flush-read'), 0, 512);
    const steps = [];
    while (task.nextOp !== undefined) steps.push(task.step());
    expect(steps.map(({ op, entries, flushes, tablesFreed }) => [op, entries, flushes, tablesFreed])).toEqual([
      ['non-present', 512, 0, 0],
      ['flush', 0, 1, 0],
      ['read-back', 512, 0, 0],
      ['remove', 512, 0, 1],
    ]);
  });
});
