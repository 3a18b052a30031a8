import fc from 'fast-check';
import { unzipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EVENTS, EXPERIMENT, MANIFEST, SUMMARY, type Manifest } from '../../../main/bundle/format.ts';
import { keepBundle } from '../../../main/bundle/keep.ts';
import { bytesSource, checkWhole, openBundle } from '../../../main/bundle/read.ts';
import { bundlesInReport, reportScript } from '../../../main/bundle/report.ts';
import { bundle } from '../../../main/bundle/write.ts';
import { ImportError } from '../../../main/import/problem.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { TIMES } from '../../../main/store/samples.ts';
import { Store } from '../../../main/store/store.ts';
import { awkwardRun, bits, keep } from '../export/awkward.ts';
import { aChunk, anEvent, aRun, aSummary } from '../store/aRun.ts';
import { aZip, forged, type Part } from './aZip.ts';

const pack = (store: Store, id: number): Buffer => Buffer.concat([...bundle(store, id)]);

/** Reads and checks all of it, and keeps it. */
function unpack(bytes: Uint8Array, store: Store, again = false): number {
  const opened = openBundle(bytesSource(bytes), 'x.brownout');
  checkWhole(opened);
  return keepBundle(store, opened, { again }).id;
}

/** What an ImportError says; '' where there is none. */
function complaint(bytes: Uint8Array): string {
  const store = new Store(IN_MEMORY);
  try {
    unpack(bytes, store);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ImportError);
    expect(store.list()).toEqual([]);
    return (error as Error).message;
  } finally {
    store.close();
  }
}

function aBundle(): Buffer {
  const store = new Store(IN_MEMORY, { clock: () => 1_700_000_000_000 });
  try {
    const writer = store.begin(aRun('a bundled run'));
    writer.samples(aChunk(0, 300));
    for (let i = 0; i < 20; i++) writer.event(anEvent(i * 1000, `event ${i}`));
    writer.heat({
      ...{ rows: 2, columns: 3, totalPages: 200, pagesPerRow: 100, edgesNs: Float64Array.of(0, 1, 2, 3) },
      layers: [{ id: 'dirty', kind: 'dirty', label: 'dirty', pages: Uint32Array.of(1, 2, 3, 4, 5, 0xffff_ffff) }],
    });
    writer.finish(aSummary(), [{ path: 'expect.lost', expected: '0', actual: '0', met: true }], 'abc');
    store.note(writer.id, '**seen** in the field');
    store.tag([writer.id], ['kept'], []);
    return pack(store, writer.id);
  } finally {
    store.close();
  }
}

describe('a bundle', () => {
  it('gives back the whole run in another store: samples, events, summary, heat map, notes, tags, times, hash', () => {
    const bytes = aBundle();
    const store = new Store(IN_MEMORY, { clock: () => 1_800_000_000_000 });
    const id = unpack(bytes, store);
    const run = store.run(id);
    expect(run.row).toMatchObject({
      name: 'a bundled run',
      tags: ['test', 'kept'],
      note: '**seen** in the field',
      fileName: 'file.yaml',
      status: 'finished',
      createdMs: 1_700_000_000_000,
      endedMs: 1_700_000_000_000,
      sampleCount: 300,
      eventCount: 20,
      hash: 'abc',
      seed: 7,
    });
    expect(run.summary).toEqual(aSummary());
    expect(run.expect).toHaveLength(1);
    expect(run.experiment).toBe('name: a bundled run\n');
    expect(store.samples(id, 1)).toEqual(aChunk(0, 300).columns[1]);
    expect(store.events(id)[3]).toEqual({ number: 3, ...anEvent(3000, 'event 3') });
    expect([...store.heat(id)!.layers[0]!.pages]).toEqual([1, 2, 3, 4, 5, 0xffff_ffff]);
    store.close();
  });

  it('is a ZIP file that others open, whose manifest tells length and SHA-256 of every other member', () => {
    const members = unzipSync(aBundle());
    const manifest = JSON.parse(Buffer.from(members[MANIFEST]!).toString()) as Manifest;
    expect(Object.keys(members).sort()).toEqual([MANIFEST, ...manifest.members.map(({ name }) => name)].sort());
    for (const { name, bytes, sha256 } of manifest.members) {
      expect(members[name]).toHaveLength(bytes);
      expect(createHash('sha256').update(members[name]!).digest('hex')).toBe(sha256);
    }
    expect(Buffer.from(members[EXPERIMENT]!).toString()).toBe('name: a bundled run\n');
  });

  it('of any run gives it back bit by bit, and is the same bundle when it is made again from there', () => {
    fc.assert(
      fc.property(awkwardRun, fc.integer({ min: 1, max: 9 }), (run, piece) => {
        const [here, there] = [new Store(IN_MEMORY), new Store(IN_MEMORY)];
        try {
          const bytes = pack(here, keep(here, run, piece));
          const id = unpack(bytes, there);
          expect([run.times, ...run.columns].map((_, i) => bits(there.samples(id, i + TIMES)))).toEqual(
            [run.times, ...run.columns].map(bits),
          );
          expect(there.events(id).map(({ number: _, ...event }) => event)).toEqual(run.events);
          expect(Buffer.compare(pack(there, id), bytes)).toBe(0);
        } finally {
          here.close();
          there.close();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('holds a run that broke off, too', () => {
    const store = new Store(IN_MEMORY);
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 5));
    writer.fail('the disk was full');
    const other = new Store(IN_MEMORY);
    const id = unpack(pack(store, writer.id), other);
    expect(other.run(id).row).toMatchObject({
      status: 'failed',
      failure: 'the disk was full',
      sampleCount: 5,
      hash: null,
    });
    expect(other.run(id).summary).toBeNull();
    store.close();
    other.close();
  });

  it('of a run that is being made is refused', () => {
    const store = new Store(IN_MEMORY);
    const { id } = store.begin(aRun());
    expect(() => pack(store, id)).toThrow('being made');
    store.close();
  });

  it('is kept once: the second time its run is found, also in the bin; --again keeps it as a run of its own', () => {
    const bytes = aBundle();
    const store = new Store(IN_MEMORY);
    const keepIt = (again: boolean): ReturnType<typeof keepBundle> =>
      keepBundle(store, openBundle(bytesSource(bytes), 'x'), { again });
    expect(keepIt(false)).toEqual({ id: 1, already: 'no' });
    expect(keepIt(false)).toEqual({ id: 1, already: 'here' });
    expect(keepIt(true)).toEqual({ id: 2, already: 'no' });
    store.delete([1]);
    expect(keepIt(false)).toEqual({ id: 1, already: 'bin' });
    expect(store.count()).toBe(1);
    store.close();
  });

  it('travels in a report, among whatever else is there', () => {
    const bytes = aBundle();
    const html = Buffer.from(
      `<!doctype html><p>${'x'.repeat(1000)}</p>${reportScript(bytes)}<script>1</script>${reportScript(bytes)}`,
    );
    const found = bundlesInReport(html, 'report.html');
    expect(found).toHaveLength(2);
    expect(Buffer.compare(found[1]!, bytes)).toBe(0);
    expect(() => bundlesInReport(Buffer.from('<!doctype html><p>hello'), 'r.html')).toThrow('without a run in it');
  });
});

describe('a bundle that was damaged', () => {
  it('cut off anywhere keeps nothing and says so', () => {
    const bytes = aBundle();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (end) => {
        expect(complaint(bytes.subarray(0, end))).not.toBe('');
      }),
      { numRuns: 200 },
    );
  });

  it('with any byte changed is refused, or gives the same run as before', () => {
    const bytes = aBundle();
    const wanted = new Store(IN_MEMORY);
    const original = wanted.run(unpack(bytes, wanted));
    expect(original.row.id).toBe(1);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Buffer.from(bytes);
        changed[at]! ^= mask;
        const store = new Store(IN_MEMORY);
        try {
          const run = store.run(unpack(changed, store));
          // Dates of members, attributes: bytes that mean nothing here.
          expect({ ...run, row: { ...run.row, id: 1 } }).toEqual(original);
          expect(store.samples(1, 1)).toEqual(wanted.samples(1, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(ImportError);
          expect(store.list()).toEqual([]);
        } finally {
          store.close();
        }
      }),
      { numRuns: 200 },
    );
    wanted.close();
  });
});

describe('a bundle that was made to harm', () => {
  const members = unzipSync(aBundle());
  const parts = (): Part[] => Object.entries(members).map(([name, data]) => ({ name, data }));
  const zeros = Buffer.alloc(80 * 2 ** 20);

  it.each<[string, () => Buffer, string]>([
    [
      'a path out of the folder',
      () => aZip([...parts(), { name: '../../evil', data: '' }]),
      'a name that no bundle has',
    ],
    ['an absolute path', () => aZip([...parts(), { name: '/etc/passwd', data: '' }]), 'a name that no bundle has'],
    ['a path of Windows', () => aZip([...parts(), { name: 'c:\\x', data: '' }]), 'a name that no bundle has'],
    ['a member twice', () => aZip([...parts(), parts()[0]!]), 'twice'],
    [
      'a member that is not listed',
      () => aZip([...parts(), { name: 'more.txt', data: 'x' }]),
      'its manifest does not list',
    ],
    ['a member too few', () => aZip(parts().filter(({ name }) => name !== EVENTS)), 'events.jsonl is missing'],
    ['no manifest', () => aZip([{ name: 'a.txt', data: 'x' }]), 'no bundle: it has no manifest.json'],
    [
      'a member that calls itself otherwise',
      () => aZip([{ name: 'a.txt', data: 'x', says: { name: 'b.txt' } }]),
      'in another place',
    ],
    [
      'two members in one place',
      () =>
        aZip([
          { name: 'a.txt', data: 'x' },
          { name: 'a.txt', data: 'x', says: { from: 0, name: 'a.txt2' } },
        ]),
      'lie over each other',
    ],
    ['encryption', () => aZip([{ name: 'manifest.json', data: 'x', says: { flags: 1 } }]), 'is encrypted'],
    ['another packing', () => aZip([{ name: 'manifest.json', data: 'x', says: { method: 12 } }]), 'packed in a way'],
    ['ZIP64', () => aZip(parts(), { directoryFrom: 0xffff_ffff }), 'ZIP64'],
    ['members that it does not have', () => aZip(parts(), { count: 9 }), 'directory is damaged'],
    ['60,000 members', () => aZip(parts(), { count: 60_000 }), 'members are more than'],
    [
      'a wrong checksum',
      () => aZip([{ name: 'manifest.json', data: '{}', says: { crc: 1 } }]),
      'its checksum is another one',
    ],
    [
      'a bomb that says its size',
      () => aZip([...parts(), { name: 'samples/0002.arrows', data: zeros }]),
      'which no bundle does',
    ],
    [
      'a bomb that does not say its size',
      () => aZip([{ name: 'manifest.json', data: zeros, says: { bytes: 100 } }]),
      'unpacks to more than the 100 bytes it says',
    ],
    [
      'a member beyond its limit',
      () => aZip([{ name: 'manifest.json', data: '{}', says: { bytes: 2 ** 31 } }]),
      'would unpack to 2147483648 bytes',
    ],
    [
      'the format of tomorrow',
      () => forged(members, (_, manifest) => Object.assign(manifest, { version: 2 })),
      'written by a newer Brownout (bundle format 2, this one knows 1)',
    ],
    [
      'a manifest of something else',
      () => aZip([{ name: 'manifest.json', data: '{"format":"other"}' }]),
      'not a bundle of Brownout',
    ],
    ['a manifest that is no JSON', () => aZip([{ name: 'manifest.json', data: '{' }]), 'manifest.json is not JSON'],
    [
      'a status that is none',
      () => forged(members, (_, { run }) => Object.assign(run, { status: 'great' })),
      'manifest.json: run.status',
    ],
    [
      'a uid that is none',
      () => forged(members, (_, { run }) => Object.assign(run, { uid: "x' OR 1" })),
      'manifest.json: run.uid',
    ],
    [
      'more samples than it holds',
      () => forged(members, (_, { run }) => Object.assign(run, { samples: 301 })),
      'holds 300 samples instead of 301',
    ],
    [
      'fewer events than it holds',
      () => forged(members, (_, { run }) => Object.assign(run, { events: 19 })),
      'holds 20 events instead of 19',
    ],
    [
      'another number of series',
      () => forged(members, (_, { run }) => Object.assign(run, { series: run.series.slice(1) })),
      'has 3 columns instead of 2',
    ],
    [
      'samples that are no Arrow',
      () => forged(members, (all) => (all['samples/0001.arrows'] = Buffer.from('ARROW1 no'))),
      '0001.arrows',
    ],
    [
      'half an Arrow stream',
      () => forged(members, (all) => (all['samples/0001.arrows'] = all['samples/0001.arrows']!.subarray(0, 3000))),
      '0001.arrows',
    ],
    [
      'an event that is none',
      () => forged(members, (all) => (all[EVENTS] = Buffer.from('{"kind":"x"}\n'))),
      'events.jsonl line 1: ',
    ],
    [
      'an event without end',
      () => forged(members, (all) => (all[EVENTS] = Buffer.from('x'.repeat(2 ** 21)))),
      'a line of more than a million characters',
    ],
    [
      'text that is no UTF-8',
      () => forged(members, (all) => (all[EXPERIMENT] = Buffer.from([0xff, 0xfe]))),
      'experiment.yaml is not text in UTF-8',
    ],
    [
      'no summary though it finished',
      () => forged(members, (all) => Reflect.deleteProperty(all, SUMMARY)),
      'has no summary',
    ],
    [
      'a heat map of another size',
      () =>
        forged(
          members,
          (all) => (all['heat.json'] = Buffer.from(all['heat.json']!.toString().replace('"rows":2', '"rows":3'))),
        ),
      'do not fit its rows and columns',
    ],
  ])('with %s is refused', (_, make, message) => {
    expect(complaint(make())).toContain(message);
  });

  it('with any byte of its samples or events forged is refused or read, and never more than that', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('samples/0001.arrows', EVENTS, 'heat.json'),
        fc.nat(),
        fc.nat(255),
        (name, at, byte) => {
          const bytes = forged(members, (all) => {
            const member = all[name]!;
            // Heads of messages, more often than not.
            member[(at % (at % 2 === 0 ? 4000 : member.length)) % member.length] = byte;
          });
          complaint(bytes);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('whose times fall is refused', () => {
    const store = new Store(IN_MEMORY);
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 3));
    writer.finish(aSummary(), [], 'abc');
    const part = unzipSync(pack(store, writer.id));
    store.close();
    const falling = forged(part, (all) => {
      const arrows = all['samples/0001.arrows']!;
      const at = arrows.indexOf(Buffer.from(Float64Array.of(20_000_000).buffer));
      arrows.writeDoubleLE(5, at);
    });
    expect(complaint(falling)).toContain('the time of sample 1 falls');
  });
});
