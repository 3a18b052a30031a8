import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runDocumentJsonSchema } from '../../../main/export/documentSchema.ts';
import { exportPieces } from '../../../main/export/formats.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { ROOT } from '../cli/brownout.ts';
import { awkwardRun, bits, keep } from './awkward.ts';

interface Document {
  readonly timesNs: number[];
  readonly series: readonly { readonly id: string; readonly values: (number | null)[] }[];
  readonly events: readonly { readonly text: string }[];
  readonly run: { readonly name: string };
}

describe('a run as JSON', () => {
  it('is what docs/run.schema.json says, which is made from the code', () => {
    const published: unknown = JSON.parse(readFileSync(join(ROOT, 'docs', 'run.schema.json'), 'utf8'));
    // To make it anew: brownout schema --run > docs/run.schema.json
    expect(published).toEqual(JSON.parse(JSON.stringify(runDocumentJsonSchema())));
  });

  it('fits its schema and gives back all values bit by bit, whatever the run', async () => {
    const valid = new Ajv2020({ strict: false }).compile(runDocumentJsonSchema());
    await fc.assert(
      fc.asyncProperty(awkwardRun, fc.integer({ min: 1, max: 9 }), async (run, piece) => {
        const store = new Store(IN_MEMORY);
        try {
          const id = keep(store, run, piece);
          const text = Buffer.concat([...(await exportPieces(store, [id], { format: 'json' }))]).toString();
          const document = JSON.parse(text) as Document;
          expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
          expect(bits(document.timesNs)).toEqual(bits(run.times));
          expect(document.series.map(({ values }) => bits(values))).toEqual(run.columns.map(bits));
          expect(document.series.map((series) => series.id)).toEqual(run.series.map((series) => series.id));
          expect(document.events.map((event) => event.text)).toEqual(run.events.map((event) => event.text));
          expect(document.run.name).toBe(run.name);
        } finally {
          store.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
