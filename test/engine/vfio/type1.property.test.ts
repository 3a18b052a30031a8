// Random operations on a type1 container, against the slow model.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BASE_VA, answers } from '../uapi/aScript.ts';
import type { Result, StepWords } from '../uapi/aScript.ts';
import { SlowType1 } from './slowType1.ts';
import type { Answered } from './slowType1.ts';

const PAGE = 4096;
const LIMIT = 5;

interface Operation {
  readonly step: StepWords;
  readonly expected: (slow: SlowType1) => Answered;
}

const first = fc.integer({ min: 0, max: 100 });
const pages = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(64, 70));
const mdev = fc.constantFrom('mdev0', 'mdev1');
const device = fc.constantFrom('dev0', 'mdev0', 'mdev1');
const bitmap = (n: number): object => ({ pgsize: PAGE, size: 8 * Math.ceil(n / 64) });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(first, pages, fc.boolean()).map(([f, n, writable]): Operation => ({
      step: ['VFIO_IOMMU_MAP_DMA', { flags: writable ? 3 : 1, vaddr: BASE_VA, iova: f * PAGE, size: n * PAGE }],
      expected: (slow) => slow.map(f, n, writable),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(first, pages).map(([f, n]): Operation => ({
      step: ['VFIO_IOMMU_MAP_DMA', { flags: 4, vaddr: BASE_VA, iova: f * PAGE, size: n * PAGE }],
      expected: (slow) => slow.setVaddr(f, n),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(first, pages, fc.boolean()).map(([f, n, dirty]): Operation => ({
      step: [
        'VFIO_IOMMU_UNMAP_DMA',
        { flags: dirty ? 1 : 0, iova: f * PAGE, size: n * PAGE, ...(dirty ? { bitmap: bitmap(n) } : {}) },
      ],
      expected: (slow) => slow.unmap(f, n, dirty),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(first, pages).map(([f, n]): Operation => ({
      step: ['VFIO_IOMMU_UNMAP_DMA', { flags: 4, iova: f * PAGE, size: n * PAGE }],
      expected: (slow) => slow.invalidate(f, n),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      {
        step: ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }] as StepWords,
        expected: (slow: SlowType1) => slow.start(),
      },
      {
        step: ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }] as StepWords,
        expected: (slow: SlowType1) => slow.start(),
      },
      { step: ['VFIO_IOMMU_DIRTY_PAGES', { flags: 2 }] as StepWords, expected: (slow: SlowType1) => slow.stop() },
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(first, pages, fc.boolean()).map(([f, n, whole]): Operation => {
      const [from, count] = whole ? [0, 200] : [f, n];
      return {
        step: ['VFIO_IOMMU_DIRTY_PAGES', { flags: 4, iova: from * PAGE, size: count * PAGE, bitmap: bitmap(count) }],
        expected: (slow) => slow.read(from, count),
      };
    }),
  },
  {
    weight: 2,
    arbitrary: device.map((name): Operation => ({
      step: ['device.attach', { device: name, to: 'container' }],
      expected: (slow) => slow.attach(name),
    })),
  },
  {
    weight: 1,
    arbitrary: device.map((name): Operation => ({
      step: ['device.detach', { device: name }],
      expected: (slow) => slow.detach(name),
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(mdev, first, fc.integer({ min: 1, max: 3 }), fc.boolean())
      .map(([name, f, n, write]): Operation => ({
        step: ['mdev.pin', { device: name, iova: f * PAGE, npage: n, write }],
        expected: (slow) => slow.pin(name, f, n, write),
      })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(mdev, fc.nat(20)).map(([name, n]): Operation => {
      // Only what is pinned: unpinning what another device holds is a driver's mistake.
      return {
        step: ['mdev.unpin', { device: name, iova: n * PAGE, npage: 1 }],
        expected: (slow) =>
          slow.pins.some((pin) => pin.mdev === name && pin.page === n) ? slow.unpin(name, n) : { outcome: 'skip' },
      };
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(mdev, first, fc.integer({ min: 1, max: 3 }), fc.boolean())
      .map(([name, f, n, writes]): Operation => ({
        step: ['mdev.rw', { device: name, iova: f * PAGE + 9, length: n * PAGE - 9, op: writes ? 'write' : 'read' }],
        expected: (slow) => slow.copy(name, f, n, writes),
      })),
  },
);

function inItsWords({ errno, out }: Result): Answered {
  const runs = out['dirty'] as [number, number][] | undefined;
  const bits = runs?.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  return {
    outcome: errno ?? 'ok',
    ...(out['size'] === undefined ? {} : { size: out['size'] as number }),
    ...(bits === undefined ? {} : { bits }),
  };
}

const MACHINE = {
  iommu: { format: 'amd-v1', page_sizes: [PAGE] },
  devices: [{ name: 'dev0' }, { name: 'mdev0', kind: 'mdev' }, { name: 'mdev1', kind: 'mdev' }],
  dma_entry_limit: LIMIT,
};

describe.each(['type1v2', 'type1'])('a %s container', (container) => {
  it('answers as lists of mappings and sets of pages would, whatever is done to it', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
        const slow = new SlowType1(container === 'type1v2', LIMIT);
        const steps: StepWords[] = [];
        const expected: Answered[] = [];
        for (const { step, expected: predict } of operations) {
          const answer = predict(slow);
          if (answer.outcome === 'skip') continue;
          steps.push(step);
          expected.push(answer);
        }
        answers({ ...MACHINE, container }, steps).forEach((result, i) => {
          expect(inItsWords(result), `step ${i}: ${JSON.stringify(steps[i])}`).toEqual(expected[i]);
        });
      }),
      { numRuns: 400 },
    );
  });
});
