import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collapse } from '../../../engine/iommu/collapse.ts';
import { FORMATS } from '../../../engine/iommu/formats/table.ts';
import { mapSingle, takeSingle } from '../../../engine/iommu/singleleaf.ts';
import { split } from '../../../engine/iommu/split.ts';
import { UNMAP_POLICIES } from '../../../engine/iommu/unmappolicies.ts';
import { UnmapTask } from '../../../engine/iommu/unmaptask.ts';
import { findCached, findEntry } from '../../../engine/iommu/walking.ts';
import { Lab, RW } from './lab.ts';

const ACTIONS = ['map', 'map fine', 'unmap', 'map one', 'take one', 'steps', 'split', 'collapse'] as const;

describe.each(FORMATS.map((row) => [row.name, row] as const))('the structure cache of %s', (_, row) => {
  const block = 2 ** row.indexBits;

  it('leads where a walk leads, whatever was mapped, unmapped, split and collapsed, and between the steps of each', () => {
    const action = fc.record({
      what: fc.constantFrom(...ACTIONS),
      // Mostly ranges that fill or free whole tables; few of them, so that what one did the next meets.
      first: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, block) }, fc.nat(3 * block)),
      count: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(block, 2 * block) }, fc.constantFrom(1, 3, block / 2)),
      choice: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 24 }), (actions) => {
        const { domain, base } = new Lab({ row, leaves: [0, row.indexBits] });
        const { table } = domain;
        const lookEverywhere = (at: number): void => {
          for (const granule of [0, 1, block - 1, block, 2 * block - 1, 2 * block, 3 * block + 1, at]) {
            const cached = [findCached(table, granule), table.foundLevel];
            const walked = [findEntry(table, granule), table.foundLevel];
            if (walked[0]! < 0) expect(cached[0]).toBe(-1);
            else expect(cached).toEqual(walked);
          }
        };
        for (const { what, first, count, choice } of actions) {
          const between = (): void => {
            lookEverywhere(first);
          };
          const order = choice % 2 === 0 ? 'recursive' : 'sub-table-first';
          const bbm = ([0, 1, 2] as const)[choice % 3]!;
          if (what === 'map') table.map(first, base + first, count, RW);
          // No block fits an address that is off by one.
          else if (what === 'map fine') table.map(first, base + first + 1, count, RW);
          else if (what === 'unmap') table.unmap(first, count);
          else if (what === 'map one') mapSingle(table, first, base + first, RW);
          else if (what === 'take one') takeSingle(table, first);
          else if (what === 'split') split(domain, first, count, { order, bbm, between });
          else if (what === 'collapse') collapse(domain, first, count, { level: 1, bbm, between });
          else {
            const task = new UnmapTask(domain, UNMAP_POLICIES[choice % UNMAP_POLICIES.length]!, first, count);
            while (task.nextOp !== undefined) {
              task.step();
              between();
            }
          }
          between();
        }
      }),
      { numRuns: row.indexBits > 9 ? 20 : 60 },
    );
  });
});
