import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmulatedIotlb } from '../../../engine/viommu/emulated-iotlb.ts';
import { IovaSpace } from '../../../engine/viommu/iova-space.ts';

describe('the IOTLB of the emulated unit', () => {
  it('knows what it was asked before, until an insertion finds it full and empties it', () => {
    const iotlb = new EmulatedIotlb(2);
    const view = iotlb.view(new IovaSpace());
    expect([0xfffff, 0xffffe, 0xfffff, 0xffffd, 0xfffff].map((page) => view.ask(page))).toEqual([
      false,
      false,
      true,
      false, // full: emptied, and this one put in
      false,
    ]);
  });

  it('is shared by all devices, and each has its own addresses', () => {
    const iotlb = new EmulatedIotlb(2);
    const [a, b] = [iotlb.view(new IovaSpace()), iotlb.view(new IovaSpace())];
    expect([a.ask(7), b.ask(7), a.ask(7), b.ask(7), b.ask(8), a.ask(7)]).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it('answers like two sets that are emptied together', () => {
    const question = fc.record({
      view: fc.nat(1),
      page: fc.oneof(fc.nat(9), fc.nat(0xfffff)),
      invalidate: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(question, { maxLength: 200 }), (entries, questions) => {
        const iotlb = new EmulatedIotlb(entries);
        const views = [iotlb.view(new IovaSpace()), iotlb.view(new IovaSpace())];
        const known = [new Set<number>(), new Set<number>()];
        for (const { view, page, invalidate } of questions) {
          const mine = known[view]!;
          if (invalidate) {
            views[view]!.invalidate(page);
            mine.delete(page);
            continue;
          }
          expect(views[view]!.ask(page)).toBe(mine.has(page));
          if (!mine.has(page) && known[0]!.size + known[1]!.size === entries) for (const each of known) each.clear();
          mine.add(page);
        }
        expect(iotlb.held).toBe(known[0]!.size + known[1]!.size);
      }),
    );
  });
});
