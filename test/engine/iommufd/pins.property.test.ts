// What is charged against RLIMIT_MEMLOCK while two IOASes share memory, devices come and go and accesses pin: always the
// union, per memory of one map, of areas in a domain and of pins. The model keeps sets of page numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BASE_VA, answers } from '../uapi/aScript.ts';
import type { StepWords } from '../uapi/aScript.ts';

const LIMIT = 12;
const PAGE = 4096;
const MACHINE = {
  memlock_limit: LIMIT * PAGE,
  iommu: { format: 'amd-v1', page_sizes: [PAGE] },
  devices: [{ name: 'dev0' }, { name: 'dev1' }],
};

interface SlowArea {
  readonly space: number;
  readonly first: number;
  readonly pages: number;
  /** Which map brought its memory, and the index of its first page there. */
  readonly memory: number;
  readonly index: number;
}

interface SlowPin {
  readonly space: number;
  readonly name: string;
  readonly first: number;
  readonly pages: number;
  readonly held: readonly string[];
}

/** Pages are named `memory:index`. */
class SlowPins {
  areas: SlowArea[] = [];
  pins: SlowPin[] = [];
  readonly attached = [false, false];
  private memories = 0;

  get charged(): number {
    const pages = new Set<string>();
    for (const area of this.areas)
      if (this.attached[area.space] === true) for (const page of pagesOf(area)) pages.add(page);
    for (const pin of this.pins) for (const page of pin.held) pages.add(page);
    return pages.size;
  }

  map(space: number, first: number, pages: number): string {
    if (!this.free(space, first, pages)) return 'EEXIST';
    return this.add([{ space, first, pages, memory: this.memories++, index: 0 }]);
  }

  copy(from: number, to: number, first: number, pages: number, at: number): string {
    const pieces = this.cover(from, first, pages);
    if (pieces === undefined) return 'ENOENT';
    if (!this.free(to, at, pages)) return 'EEXIST';
    return this.add(pieces.map((piece) => ({ ...piece, space: to, first: piece.first - first + at })));
  }

  unmap(space: number, first: number, pages: number): string {
    let found = false;
    for (const area of [...this.areas].sort((a, b) => a.first - b.first)) {
      if (area.space !== space || area.first >= first + pages || area.first + area.pages <= first) continue;
      if (area.first < first || area.first + area.pages > first + pages) return 'ENOENT';
      found = true;
      this.pins = this.pins.filter(
        (pin) => pin.space !== space || pin.first >= area.first + area.pages || pin.first + pin.pages <= area.first,
      );
      this.areas = this.areas.filter((other) => other !== area);
    }
    return found ? 'ok' : 'ENOENT';
  }

  attach(space: number): string {
    if (this.attached[space] === true) return 'EBUSY';
    this.attached[space] = true;
    if (this.charged <= LIMIT) return 'ok';
    this.attached[space] = false;
    return 'ENOMEM';
  }

  pin(space: number, name: string, first: number, pages: number): string {
    const pieces = this.cover(space, first, pages);
    if (pieces === undefined) return this.prefixFails(space, first, pages) ? 'ENOMEM' : 'ENOENT';
    this.pins.push({ space, name, first, pages, held: pieces.flatMap(pagesOf) });
    if (this.charged <= LIMIT) return 'ok';
    this.pins.pop();
    return 'ENOMEM';
  }

  /** Areas before a hole are pinned first: the limit may show before the hole does. */
  private prefixFails(space: number, first: number, pages: number): boolean {
    let length = 0;
    while (length < pages && this.cover(space, first, length + 1) !== undefined) length++;
    if (length === 0) return false;
    const held = this.cover(space, first, length)!.flatMap(pagesOf);
    this.pins.push({ space, name: '', first, pages: length, held });
    const fails = this.charged > LIMIT;
    this.pins.pop();
    return fails;
  }

  private add(areas: readonly SlowArea[]): string {
    const before = this.areas;
    this.areas = [...before, ...areas];
    if (this.charged <= LIMIT) return 'ok';
    this.areas = before;
    return 'ENOMEM';
  }

  private free(space: number, first: number, pages: number): boolean {
    return !this.areas.some((a) => a.space === space && a.first < first + pages && first < a.first + a.pages);
  }

  private cover(space: number, first: number, pages: number): SlowArea[] | undefined {
    const pieces: SlowArea[] = [];
    for (let page = first; page < first + pages;) {
      const at = page;
      const area = this.areas.find((a) => a.space === space && a.first <= at && at < a.first + a.pages);
      if (area === undefined) return undefined;
      const end = Math.min(area.first + area.pages, first + pages);
      pieces.push({ ...area, first: page, pages: end - page, index: area.index + page - area.first });
      page = end;
    }
    return pieces;
  }
}

const pagesOf = ({ memory, index, pages }: SlowArea): string[] =>
  Array.from({ length: pages }, (_, i) => `${memory}:${index + i}`);

type Operation = (slow: SlowPins, number: number) => { readonly step: StepWords; readonly outcome: string } | undefined;

const space = fc.integer({ min: 0, max: 1 });
const first = fc.integer({ min: 0, max: 12 });
const pages = fc.integer({ min: 1, max: 6 });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(space, first, pages).map(([s, f, n]): Operation => (slow) => ({
      step: ['IOMMU_IOAS_MAP', { ioas_id: `$ioas${s}`, flags: 7, user_va: BASE_VA, length: n * PAGE, iova: f * PAGE }],
      outcome: slow.map(s, f, n),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(space, space, first, pages, first).map(([from, to, f, n, at]): Operation => (slow) => ({
      step: [
        'IOMMU_IOAS_COPY',
        {
          src_ioas_id: `$ioas${from}`,
          dst_ioas_id: `$ioas${to}`,
          flags: 7,
          src_iova: f * PAGE,
          dst_iova: at * PAGE,
          length: n * PAGE,
        },
      ],
      outcome: slow.copy(from, to, f, n, at),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(space, first, pages).map(([s, f, n]): Operation => (slow) => ({
      step: ['IOMMU_IOAS_UNMAP', { ioas_id: `$ioas${s}`, iova: f * PAGE, length: n * PAGE }],
      outcome: slow.unmap(s, f, n),
    })),
  },
  {
    weight: 2,
    arbitrary: space.map((s): Operation => (slow) => ({
      step: ['device.attach', { device: `dev${s}`, to: `$ioas${s}` }],
      outcome: slow.attach(s),
    })),
  },
  {
    weight: 1,
    arbitrary: space.map((s): Operation => (slow) => {
      slow.attached[s] = false;
      return { step: ['device.detach', { device: `dev${s}` }], outcome: 'ok' };
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(space, first, pages).map(([s, f, n]): Operation => (slow, number) => ({
      step: ['access.pin', { access: `$access${s}`, iova: f * PAGE, length: n * PAGE }, `pin${number}`],
      outcome: slow.pin(s, `pin${number}`, f, n),
    })),
  },
  {
    weight: 2,
    arbitrary: fc.nat(5).map((n): Operation => (slow) => {
      const pin = slow.pins[n];
      if (pin === undefined) return undefined;
      slow.pins = slow.pins.filter((other) => other !== pin);
      return { step: ['access.unpin', { access: `$access${pin.space}`, pin: `$${pin.name}` }], outcome: 'ok' };
    }),
  },
);

describe('pinned memory', () => {
  it('is charged once per page of one map, while any area in a domain or any pin uses it', () => {
    const before: StepWords[] = [0, 1].flatMap((n): StepWords[] => [
      ['IOMMU_IOAS_ALLOC', {}, `ioas${n}`],
      ['access.create', { ioas: `$ioas${n}` }, `access${n}`],
    ]);
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
        const slow = new SlowPins();
        const steps: StepWords[] = [];
        const expected: unknown[] = [];
        operations.forEach((run, i) => {
          const done = run(slow, i);
          if (done === undefined) return;
          steps.push(done.step, ['pins.count']);
          expected.push(done.outcome, slow.charged);
        });
        const got = answers(MACHINE, [...before, ...steps])
          .slice(before.length)
          .map(({ call, errno, out }) => (call === 'pins.count' ? out['locked_pages'] : (errno ?? 'ok')));
        got.forEach((answer, i) => {
          expect(answer, `step ${i} after ${JSON.stringify(steps[i - 1])}: ${JSON.stringify(steps[i])}`).toBe(
            expected[i],
          );
        });
      }),
      { numRuns: 300 },
    );
  });
});
