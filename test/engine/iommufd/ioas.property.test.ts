// Random operations that collide, on the engine through its ioctls and on the slow model: every answer must be equal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answers } from '../uapi/aScript.ts';
import type { Result, StepWords } from '../uapi/aScript.ts';
import { MAX, SlowIoas } from './slowIoas.ts';
import type { Answer } from './slowIoas.ts';

const BASE_VA = 0x7f0000000000n;
const u64 = (value: bigint): string => `0x${value.toString(16)}`;
const CEILING = 0x3fffffn;

/** Every domain of this machine translates 0x2000 … CEILING in pages of 2 KiB or 4 KiB. */
const MACHINE = {
  iommus: [
    { name: 'half', format: 'mock', page_sizes: [2048], apertures: [[0x2000, Number(CEILING)]] },
    { name: 'whole', format: 'amd-v1', page_sizes: [4096, 8192], apertures: [[0x4000, Number(CEILING)]] },
  ],
  devices: [
    { name: 'half0', iommu: 'half' },
    { name: 'whole0', iommu: 'whole' },
  ],
};

/** Addresses that meet: few, at many alignments, and near both ends. */
const address = fc.oneof(
  fc.integer({ min: 0, max: 24 }).map((n) => BigInt(n) * 4096n),
  fc.integer({ min: 0, max: 48 }).map((n) => BigInt(n) * 2048n),
  fc.integer({ min: 0, max: 96 }).map((n) => BigInt(n) * 1024n + 1n),
  fc.constantFrom(CEILING - 4095n, MAX - 4095n, MAX - 1n, 2n ** 63n),
);
const length = fc.oneof(
  fc.integer({ min: 1, max: 4 }).map((n) => BigInt(n) * 4096n),
  fc.integer({ min: 1, max: 8 }).map((n) => BigInt(n) * 2048n),
  fc.constantFrom(0n, 1n, 100n, 8191n),
);
const va = fc
  .oneof(
    fc.integer({ min: 0, max: 16 }).map((n) => BigInt(n) * 4096n),
    fc.constantFrom(1n, 512n, 2048n, 6144n),
  )
  .map((offset) => BASE_VA + offset);

type Operation = { readonly step: StepWords; readonly expected: (slow: SlowIoas) => Answer };

const mapOperation = fc
  .record({ iova: fc.option(address, { nil: undefined }), length, va, writable: fc.boolean() })
  .map(({ iova, length, va, writable }): Operation => ({
    step: [
      'IOMMU_IOAS_MAP',
      {
        ioas_id: '$ioas',
        flags: (iova === undefined ? 0 : 1) | 4 | (writable ? 2 : 0),
        user_va: u64(va),
        length: u64(length),
        iova: u64(iova ?? 0n),
      },
    ],
    expected: (slow) => slow.map(iova, length, va, writable),
  }));
const copyOperation = fc
  .record({ from: address, length, to: fc.option(address, { nil: undefined }), writable: fc.boolean() })
  .map(({ from, length, to, writable }): Operation => ({
    step: [
      'IOMMU_IOAS_COPY',
      {
        src_ioas_id: '$ioas',
        dst_ioas_id: '$ioas',
        flags: (to === undefined ? 0 : 1) | 4 | (writable ? 2 : 0),
        src_iova: u64(from),
        dst_iova: u64(to ?? 0n),
        length: u64(length),
      },
    ],
    expected: (slow) => slow.copy(from, length, to, writable),
  }));
const unmapOperation = fc
  .oneof(
    fc.record({ iova: address, length }),
    fc.record({ iova: address, length: fc.constantFrom(0x10000n, 0x8000n) }),
    fc.constantFrom({ iova: 0n, length: MAX }, { iova: 4096n, length: MAX }, { iova: MAX, length: 1n }),
  )
  .map(({ iova, length }): Operation => ({
    step: ['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: u64(iova), length: u64(length) }],
    expected: (slow) => slow.unmap(iova, length),
  }));
const reserveOperation = fc.record({ start: address, length }).map(({ start, length }): Operation => ({
  step: ['ioas.reserve', { ioas: '$ioas', start: u64(start), length: u64(length) }],
  expected: (slow) => slow.reserve(start, length, 'test'),
}));
const allowOperation = fc.array(fc.record({ start: address, length }), { maxLength: 3 }).map((list): Operation => {
  const ranges = list.map(({ start, length }) => ({ start, last: start + length > MAX ? MAX : start + length }));
  return {
    step: [
      'IOMMU_IOAS_ALLOW_IOVAS',
      {
        ioas_id: '$ioas',
        num_iovas: ranges.length,
        allowed_iovas: ranges.map(({ start, last }) => ({ start: u64(start), last: u64(last) })),
      },
    ],
    expected: (slow) => slow.allow(ranges),
  };
});
const touchOperation = fc.record({ iova: address, write: fc.boolean() }).map(({ iova, write }): Operation => ({
  step: ['access.rw', { access: '$cpu', iova: u64(iova), length: 1, op: write ? 'write' : 'read' }],
  expected: (slow) => slow.touch(iova, write),
}));
const attachOperation = fc.constantFrom('half0', 'whole0').map((device): Operation => ({
  step: ['device.attach', { device, to: '$ioas' }],
  expected: (slow) => {
    if (slow.demands.has(device)) return 'EBUSY';
    return device === 'half0'
      ? slow.addDomain(device, 2048n, 0x2000n, CEILING)
      : slow.addDomain(device, 4096n, 0x4000n, CEILING);
  },
}));
const detachOperation = fc.constantFrom('half0', 'whole0').map((device): Operation => ({
  step: ['device.detach', { device }],
  expected: (slow) => {
    slow.release(device);
    return 'ok';
  },
}));

const operation = fc.oneof(
  { weight: 8, arbitrary: mapOperation },
  { weight: 4, arbitrary: copyOperation },
  { weight: 3, arbitrary: unmapOperation },
  { weight: 1, arbitrary: reserveOperation },
  { weight: 1, arbitrary: allowOperation },
  { weight: 4, arbitrary: touchOperation },
  { weight: 1, arbitrary: attachOperation },
  { weight: 1, arbitrary: detachOperation },
);

const RANGES: StepWords = ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$ioas', num_iovas: 100 }];

/** The answer in the slow model's words. */
function inItsWords({ errno, out }: Result): Answer {
  if (errno !== undefined) return errno;
  const number = (value: unknown): bigint => BigInt(value as number | string);
  if (out['iova'] !== undefined) return { iova: number(out['iova']) };
  if (out['dst_iova'] !== undefined) return { iova: number(out['dst_iova']) };
  if (out['length'] !== undefined) return { length: number(out['length']) };
  return 'ok';
}

const shown = (answer: Answer): string =>
  typeof answer === 'string'
    ? answer
    : Object.entries(answer)
        .map(([key, value]) => `${key} ${u64(value)}`)
        .join();

describe('an IOAS', () => {
  it('answers as lists of byte ranges would, whatever is done to it', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' }), (operations) => {
        const steps: StepWords[] = [
          ['IOMMU_IOAS_ALLOC', {}, 'ioas'],
          ['access.create', { ioas: '$ioas', needs_pin_pages: false }, 'cpu'],
          ...operations.flatMap(({ step }) => [step, RANGES]),
        ];
        const results = answers(MACHINE, steps).slice(2);
        const slow = new SlowIoas();
        operations.forEach(({ step, expected }, i) => {
          const predicted = expected(slow);
          const got = results[2 * i]!;
          expect(shown(inItsWords(got)), `step ${i}: ${JSON.stringify(step)}`).toBe(shown(predicted));
          const ranges = results[2 * i + 1]!.out;
          expect(ranges['allowed_iovas']).toEqual(
            slow.ranges().map(({ start, last }) => ({ start: written(start), last: written(last) })),
          );
          expect(ranges['out_iova_alignment']).toBe(Number(slow.alignment));
        });
      }),
      { numRuns: 400 },
    );
  });
});

const written = (value: bigint): number | string => (value < 2n ** 53n ? Number(value) : u64(value));
