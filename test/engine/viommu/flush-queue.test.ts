import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlushQueueShape } from '../../../engine/viommu/flush-queue.ts';
import { FlushQueue, PER_CPU_QUEUE, SHARED_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import { IovaAllocator } from '../../../engine/viommu/iova-allocator.ts';
import { IovaSpace } from '../../../engine/viommu/iova-space.ts';

function aQueue(shape: FlushQueueShape, cpus = 1): { allocator: IovaAllocator; queue: FlushQueue } {
  const allocator = new IovaAllocator(new IovaSpace(48), cpus);
  return { allocator, queue: new FlushQueue(shape, allocator, cpus) };
}

describe('flush queue', () => {
  it('an IOVA is not reused before the flush', () => {
    const { allocator, queue } = aQueue(PER_CPU_QUEUE);
    const iova = allocator.alloc(0, 1);
    queue.add(0, 0, iova, 1);
    expect(allocator.alloc(0, 1)).not.toBe(iova);
    queue.timerFlushed(0);
    expect(allocator.alloc(0, 1)).toBe(iova);
  });

  it('255 unmaps wait on a CPU; the next one must flush', () => {
    const { allocator, queue } = aQueue(PER_CPU_QUEUE, 2);
    for (let i = 0; i < 255; i++) {
      expect(queue.fullFor(0)).toBe(false);
      queue.add(i, 0, allocator.alloc(0, 1), 1);
    }
    expect(queue.fullFor(0)).toBe(true);
    expect(queue.fullFor(1)).toBe(false);
    queue.flushed(0);
    expect([queue.fullFor(0), queue.waiting]).toEqual([false, 0]);
  });

  it('the timer starts with the first unmap and fires 10 ms later, 1 s for the shared queue', () => {
    for (const [shape, timeoutNs] of [
      [PER_CPU_QUEUE, 10_000_000],
      [SHARED_QUEUE, 1_000_000_000],
    ] as const) {
      const { allocator, queue } = aQueue(shape);
      expect(queue.timerNs).toBe(Infinity);
      queue.add(500, 0, allocator.alloc(0, 1), 1);
      queue.add(900, 0, allocator.alloc(0, 1), 1);
      expect(queue.timerNs).toBe(500 + timeoutNs);
      queue.timerFlushed(0);
      expect(queue.timerNs).toBe(Infinity);
    }
  });

  it('the shared queue takes 32,767 unmaps of all CPUs together', () => {
    const { allocator, queue } = aQueue(SHARED_QUEUE, 4);
    let added = 0;
    while (!queue.fullFor(added % 4)) queue.add(0, added++ % 4, allocator.alloc(0, 1), 1);
    expect(added).toBe(32_767);
  });

  it('never frees an IOVA that was queued after the last flush, and never forgets one', () => {
    const shape = { entries: 8, timeoutNs: 100, perCpu: true };
    const step = fc.record({ what: fc.constantFrom('add', 'add', 'add', 'flush', 'timer'), cpu: fc.nat(1) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { allocator, queue } = aQueue(shape, 2);
        let unflushed = 0;
        for (const [i, { what, cpu }] of steps.entries()) {
          if (what === 'add') {
            if (queue.fullFor(cpu)) {
              queue.flushed(cpu);
              unflushed = 0;
            }
            queue.add(i, cpu, allocator.alloc(cpu, 1), 1);
            unflushed++;
          } else {
            if (what === 'flush') queue.flushed(cpu);
            else queue.timerFlushed(cpu);
            unflushed = 0;
          }
          expect(allocator.pagesInUse).toBe(queue.waiting);
          expect(queue.waiting).toBeGreaterThanOrEqual(unflushed);
          expect(queue.waiting).toBeLessThanOrEqual(2 * 7);
        }
        queue.timerFlushed(0);
        expect(queue.waiting).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
