import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../../engine/core/eventqueue.ts';

describe('the event queue', () => {
  it('gives the earliest event first, and events of one instant in the order they were put in', () => {
    const queue = new EventQueue();
    queue.push(20, 1);
    queue.push(10, 2);
    queue.push(20, 3);
    queue.push(10, 4);
    expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()]).toEqual([2, 4, 1, 3]);
  });

  it('shows time and payload of the first event without taking it', () => {
    const queue = new EventQueue();
    expect([queue.size, queue.peekTimeNs, queue.peekPayload, queue.peekSequence]).toEqual([0, Infinity, -1, -1]);
    const sequence = queue.push(5, 42);
    expect([queue.size, queue.peekTimeNs, queue.peekPayload, queue.peekSequence]).toEqual([1, 5, 42, sequence]);
    queue.pop();
    expect([queue.size, queue.peekTimeNs]).toEqual([0, Infinity]);
  });

  it('refuses an event at no time, and to be popped when empty', () => {
    const queue = new EventQueue();
    expect(() => queue.push(Infinity, 0)).toThrow('finite time');
    expect(() => queue.push(NaN, 0)).toThrow('finite time');
    expect(() => queue.pop()).toThrow('empty queue');
    queue.push(1, 0);
    queue.pop();
    expect(() => queue.pop()).toThrow('empty queue');
  });

  it('does not grow beyond its bound', () => {
    const queue = new EventQueue(256);
    expect(() => {
      for (let i = 0; i < 10_000; i++) queue.push(i, i);
    }).toThrow('within its bound');
    expect(queue.size).toBe(256);
  });

  it('does what a sorted list does, whatever is pushed, popped and dropped', () => {
    const time = fc.oneof(
      { weight: 3, arbitrary: fc.nat(5) },
      { weight: 1, arbitrary: fc.nat(2 ** 31 - 1).map((n) => n * 2 ** 20) },
    );
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), time }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('pop' as const), time }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('peek' as const, 'retain' as const), time }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
        const queue = new EventQueue();
        let model: { time: number; sequence: number; payload: number }[] = [];
        let pushed = 0;
        for (const { kind, time } of operations) {
          if (kind === 'push') {
            const payload = 1_000 + pushed++;
            const sequence = queue.push(time, payload);
            model.push({ time, sequence, payload });
            model.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
          } else if (kind === 'pop' && model.length > 0) {
            expect(queue.pop()).toBe(model.shift()!.payload);
          } else if (kind === 'retain') {
            queue.retain((payload) => payload % 3 !== 0);
            model = model.filter(({ payload }) => payload % 3 !== 0);
          } else if (kind === 'peek') {
            expect(queue.peekTimeNs).toBe(model[0]?.time ?? Infinity);
            expect(queue.peekSequence).toBe(model[0]?.sequence ?? -1);
          }
          expect(queue.size).toBe(model.length);
        }
        for (const { payload } of model) expect(queue.pop()).toBe(payload);
      }),
      { numRuns: 300 },
    );
  });

  it('does what a sorted list does, also when it holds thousands of events, near and far', () => {
    const spread = fc.constantFrom(1, 10, 1_000, 1_000_000, 2 ** 40);
    const step = fc.record({
      kind: fc.constantFrom('push', 'push', 'pop', 'pop', 'hold', 'peek', 'retain'),
      count: fc.oneof({ weight: 3, arbitrary: fc.nat(700) }, { weight: 1, arbitrary: fc.nat(5) }),
      spread,
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14, size: 'max' }), (steps) => {
        const queue = new EventQueue();
        let model: { time: number; sequence: number }[] = [];
        const sort = (): void => {
          model.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
        };
        let nowNs = 0;
        let payload = 0;
        const pop = (): void => {
          const first = model.shift()!;
          expect(queue.peekTimeNs).toBe(first.time);
          expect(queue.pop()).toBe(first.sequence);
          nowNs = first.time;
        };
        for (const { kind, count, spread: span, seed } of steps) {
          let state = seed;
          const push = (): void => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
            const time = nowNs + Math.floor(((state >>> 0) / 2 ** 32) * span);
            expect(queue.push(time, payload)).toBe(payload);
            model.push({ time, sequence: payload++ });
          };
          switch (kind) {
            case 'push':
              for (let i = 0; i < count; i++) push();
              sort();
              break;
            case 'pop':
              for (let i = 0; i < count && model.length > 0; i++) pop();
              break;
            case 'hold':
              for (let i = 0; i < count % 50 && model.length > 0; i++) {
                pop();
                push();
                sort();
              }
              break;
            case 'peek':
              // Looking must not forbid events before the one that was seen.
              expect(queue.peekTimeNs).toBe(model[0]?.time ?? Infinity);
              push();
              sort();
              break;
            case 'retain':
              queue.retain((_, sequence) => sequence % 4 !== seed % 4);
              model = model.filter(({ sequence }) => sequence % 4 !== seed % 4);
              break;
          }
          expect(queue.size).toBe(model.length);
        }
        while (model.length > 0) pop();
        expect(queue.size).toBe(0);
      }),
      { numRuns: 80 },
    );
  });

  it('keeps its order when the delays grow or shrink by orders of magnitude', () => {
    const queue = new EventQueue();
    let state = 1;
    const random = (n: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return Math.floor(((state >>> 0) / 2 ** 32) * n);
    };
    for (let i = 0; i < 2_000; i++) queue.push(random(100), i);
    let lastNs = 0;
    let lastSequence = -1;
    for (const delay of [100, 1e9, 3, 1e6, 1]) {
      for (let i = 0; i < 20_000; i++) {
        const timeNs = queue.peekTimeNs;
        const sequence = queue.peekSequence;
        expect(timeNs > lastNs || (timeNs === lastNs && sequence > lastSequence)).toBe(true);
        [lastNs, lastSequence] = [timeNs, sequence];
        queue.push(timeNs + random(delay), queue.pop());
      }
    }
    expect(queue.size).toBe(2_000);
  });
});
