// A whole run as one JSON document, written piece by piece: a million samples in twenty columns are more than one string
// should hold. NaN (not known at that time) is null; times are nanoseconds, other units stand with their series.
import type { Store } from '../store/store.ts';
import { TIMES } from '../store/samples.ts';
import { printableJson } from './text.ts';

const PIECE = 65_536;

export function writeRunJson(store: Store, id: number, out: (text: string) => void): void {
  const run = store.run(id);
  const { row } = run;
  const head = printableJson({ run: row, experiment: run.experiment, summary: run.summary, expect: run.expect });
  out(`${head.slice(0, -2)},\n  "events": [`);
  const EVENTS = 4096;
  for (let from = 0; from < row.eventCount; from += EVENTS) {
    const events = store.events(id, from, EVENTS);
    out(events.map((event, i) => `${from + i === 0 ? '' : ','}\n    ${oneLine(event)}`).join(''));
  }
  out(`${row.eventCount === 0 ? '' : '\n  '}],\n  "timesNs": [`);
  writeColumn(TIMES);
  out('],\n  "series": [');
  for (const [position, info] of run.series.entries()) {
    out(`${position === 0 ? '' : ','}\n    ${oneLine(info).slice(0, -1)},"values":[`);
    writeColumn(position);
    out(']}');
  }
  out(`${run.series.length === 0 ? '' : '\n  '}]\n}\n`);

  function writeColumn(position: number): void {
    for (let first = 0; first < row.sampleCount; first += PIECE) {
      const values = store.samples(id, position, first, PIECE);
      out((first === 0 ? '' : ',') + Array.from(values, (value) => JSON.stringify(value)).join(','));
    }
  }
}

function oneLine(value: object): string {
  return printableJson(value, 0);
}
