// A whole run as one JSON document, piece by piece: a million samples in twenty columns are more than one string should hold.
// The form is docs/run.schema.json, made from documentSchema.ts; `brownout show --json` and `run --json` print it too.
//
// Numbers read back as the same doubles: -0 is written as -0 and infinities as 1e999, which JSON allows and readers take for
// what it is; a value that is not known is null. Times are nanoseconds, other units stand with their series.
import { printableJson } from '../cli/text.ts';
import type { Store } from '../store/store.ts';
import { TIMES } from '../store/samples.ts';
import { samplesOf } from './table.ts';

export const DOCUMENT_FORMAT = 'brownout run';
export const DOCUMENT_VERSION = 1;

const PIECE = 65_536;
const EVENTS = 4096;

export function* runJson(store: Store, id: number): Generator<string> {
  const run = store.run(id);
  const { row, series } = run;
  const about = { format: DOCUMENT_FORMAT, version: DOCUMENT_VERSION };
  const head = printableJson({
    ...about,
    run: row,
    experiment: run.experiment,
    summary: run.summary,
    expect: run.expect,
  });
  yield `${head.slice(0, -2)},\n  "events": [`;
  for (let from = 0; from < row.eventCount; from += EVENTS) {
    const events = store.events(id, from, Math.min(EVENTS, row.eventCount - from));
    yield events.map((event, i) => `${from + i === 0 ? '' : ','}\n    ${printableJson(event, 0)}`).join('');
  }
  yield `${row.eventCount === 0 ? '' : '\n  '}],\n  "timesNs": [`;
  yield* column(store, id, TIMES, row.sampleCount);
  yield '],\n  "series": [';
  for (const [position, info] of series.entries()) {
    yield `${position === 0 ? '' : ','}\n    ${printableJson(info, 0).slice(0, -1)},"values":[`;
    yield* column(store, id, position, row.sampleCount);
    yield ']}';
  }
  yield `${series.length === 0 ? '' : '\n  '}]\n}\n`;
}

function* column(store: Store, id: number, position: number, count: number): Generator<string> {
  for (const { first, count: length } of store.stretches(id, PIECE)) {
    const values = samplesOf(store, id, position, first, Math.min(length, count - first));
    yield (first === 0 ? '' : ',') + Array.from(values, jsonNumber).join(',');
    if (first + length >= count) return;
  }
}

function jsonNumber(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return 'null';
  return value > 0 ? '1e999' : '-1e999';
}
