// The experiment file as JSON Schema (draft 2020-12), for editors, forms and `brownout schema`.
//
// Made from the zod schema: titles, explanations, units, defaults as they are written in a file, sources (`x-source`).
// Quantities get patterns. What only the parser checks is left out: bounds of quantities and checks across fields.

import * as z from 'zod';
import { QUANTITY_KEYWORD } from './quantity.ts';
import type { QuantityKind } from './quantity.ts';
import { experimentSchema } from './schema.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

const NUMBER = '\\d+(\\.\\d+)?';
const SIZE_UNIT = '([kMGTP]|[KMGTP]i)?B';
const RATE_UNIT = '([kMGTP]|[KMGTP]i)?(B|bit)/s|pages?/s';
const PATTERNS: Readonly<Record<Exclude<QuantityKind, 'number'>, { unit: string; pattern: string }>> = {
  size: { unit: 'B, KiB, MiB, GiB, TiB', pattern: `^${NUMBER} ?(${SIZE_UNIT}|pages?)$` },
  pages: { unit: 'pages, or a size', pattern: `^${NUMBER} ?(${SIZE_UNIT}|pages?)$` },
  duration: { unit: 'ns, us, ms, s, min, h', pattern: `^${NUMBER} ?(ns|us|µs|μs|ms|s|min|h)$` },
  rate: { unit: 'bit/s or B/s with a prefix', pattern: `^${NUMBER} ?(${RATE_UNIT})$` },
  'page-rate': { unit: 'pages/s, or bit/s or B/s with a prefix', pattern: `^(full|${NUMBER} ?(${RATE_UNIT}))$` },
  share: { unit: '%', pattern: `^${NUMBER} ?%$` },
  percent: { unit: '%', pattern: `^\\d+ ?%$` },
  cost: { unit: 'ns, us, ms, s', pattern: `^${NUMBER} ?(ns|us|µs|ms|s)$` },
};

/** A fresh object at each call. */
export function experimentJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(experimentSchema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      const kind = z.globalRegistry.get(zodSchema)?.[QUANTITY_KEYWORD] as QuantityKind | undefined;
      if (kind === undefined || zodSchema._zod.def.type !== 'pipe') return;
      delete jsonSchema.anyOf;
      if (kind === 'number') {
        jsonSchema.type = 'number';
        return;
      }
      const { unit, pattern } = PATTERNS[kind];
      jsonSchema.anyOf = [{ type: 'string', pattern }, { const: 0 }];
      jsonSchema['x-unit'] = unit;
    },
  });
  return {
    ...schema,
    $id: 'https://brownout.dev/schema/experiment-1.json',
    title: 'Brownout experiment',
    description: 'A live-migration experiment: guest, devices, IOMMU, trackers, migration, and what is expected of it.',
  };
}
