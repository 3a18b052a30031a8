// The form of a run as JSON: of `export --format json`, `show --json` and `run --json`. Published as docs/run.schema.json, which
// `brownout schema --run` prints.
import * as z from 'zod';
import { eventSchema, expectResultSchema, runRowSchema, seriesInfoSchema, summarySchema } from '../contract/runs.ts';
import { DOCUMENT_FORMAT, DOCUMENT_VERSION } from './json.ts';

/** One for each sample; null: not known at that time. */
const values = z.array(z.number().nullable());

export const runDocumentSchema = z.object({
  format: z.literal(DOCUMENT_FORMAT),
  /** Changes when a reader of the old form would be misled; further members may come at any time. */
  version: z.literal(DOCUMENT_VERSION),
  run: runRowSchema,
  /** The file as it was written. */
  experiment: z.string(),
  /** Null until the run has finished. */
  summary: summarySchema.nullable(),
  expect: z.array(expectResultSchema),
  events: z.array(eventSchema),
  /** Nanoseconds since the run began, one for each sample. */
  timesNs: z.array(z.number()),
  series: z.array(seriesInfoSchema.extend({ values })),
});

export function runDocumentJsonSchema(): object {
  return z.toJSONSchema(runDocumentSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // Any double of an event's detail; those that JSON lacks are null.
      if (zodSchema._zod.def.type === 'custom') jsonSchema.type = ['number', 'null'];
    },
  });
}
