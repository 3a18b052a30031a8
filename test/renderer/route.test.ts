import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, parseRoute } from '../../renderer/app/route.ts';

describe('addresses', () => {
  it('an empty one is the home view', () => {
    for (const address of ['', '#', '#/']) expect(parseRoute(address).view).toBe('experiments');
  });
  it('view, ids and query', () => {
    expect(parseRoute('#/run/12?from=0&to=5')).toEqual({ view: 'run', rest: ['12'], query: { from: '0', to: '5' } });
  });
  it('a broken escape is taken as it is', () => {
    expect(parseRoute('#/run/%E0%A4').rest).toEqual(['%E0%A4']);
  });
  it('whatever is written is read back', () => {
    const part = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(fc.array(part), fc.dictionary(part, part), (rest, query) => {
        const read = parseRoute(addressOf('runs', rest, query));
        expect(read).toEqual({ view: 'runs', rest, query: { ...query } });
      }),
    );
  });
});
