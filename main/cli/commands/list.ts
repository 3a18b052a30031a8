// `brownout list`: the kept runs, newest first.
import { formatDuration, formatSize } from '../../../engine/core/units.ts';
import { RUN_ORDERS, type RunOrder } from '../../store/runs.ts';
import type { RunRow } from '../../store/rows.ts';
import { nearest, UsageError, type Command } from '../command.ts';
import { dbOption, existingStore } from '../storeOption.ts';
import { formatCount } from '../summary.ts';
import { EXIT } from '../terminal.ts';
import { pad, printable, printableJson } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'list the kept runs, newest first',
  options: {
    sort: { type: 'string', value: 'COLUMN', help: `by ${RUN_ORDERS.join(', ')}` },
    reverse: { type: 'boolean', short: 'r', help: 'in the opposite order' },
    limit: { type: 'string', value: 'N', short: 'n', help: 'at most N runs' },
    json: { type: 'boolean', help: 'as one JSON document' },
    db: dbOption,
  },
  takes: [0, 0],
  run(words, terminal) {
    const sort = words.text('sort') ?? 'created';
    if (!isOrder(sort)) {
      const meant = nearest(sort, RUN_ORDERS);
      throw new UsageError(
        `--sort ${printable(sort, 40)}: ${meant === undefined ? `one of ${RUN_ORDERS.join(', ')}` : `did you mean ${meant}?`}`,
      );
    }
    // Newest first; everything else from the least.
    const descending = (sort === 'created') !== words.flag('reverse');
    const limit = words.whole('limit', 0, 1_000_000_000);
    const store = existingStore(words);
    try {
      const rows = store?.list({ order: sort, descending, ...(limit === undefined ? {} : { limit }) }) ?? [];
      if (words.flag('json')) terminal.out(`${printableJson({ runs: rows })}\n`);
      else if (rows.length === 0) terminal.say('No runs are kept yet. Try: brownout run examples/…');
      else terminal.out(`${table(rows, terminal.columns).join('\n')}\n`);
    } finally {
      store?.close();
    }
    return Promise.resolve(EXIT.done);
  },
};

function isOrder(text: string): text is RunOrder {
  return (RUN_ORDERS as readonly string[]).includes(text);
}

function table(rows: readonly RunRow[], columns: number): string[] {
  const dash = '–';
  const idWidth = Math.max(2, ...rows.map(({ id }) => String(id).length));
  const nameWidth = Math.max(14, Math.min(60, columns - idWidth - 62));
  const line = (
    id: string,
    when: string,
    outcome: string,
    down: string,
    total: string,
    sent: string,
    lost: string,
    name: string,
  ): string =>
    [
      pad(id, idWidth, 'right'),
      pad(when, 16),
      pad(outcome, 11),
      pad(down, 7, 'right'),
      pad(total, 8, 'right'),
      pad(sent, 7, 'right'),
      pad(lost, 6, 'right'),
      pad(name, nameWidth).trimEnd(),
    ].join(' ');
  const figure = (value: number | null, text: (value: number) => string): string =>
    value === null ? dash : text(value);
  return [
    line('ID', 'STARTED', 'OUTCOME', 'DOWN', 'TOTAL', 'SENT', 'LOST', 'NAME'),
    ...rows.map((row) =>
      line(
        String(row.id),
        localTime(row.createdMs),
        row.status === 'finished' ? (row.outcome ?? dash) : row.status,
        figure(row.downtimeNs, formatDuration),
        figure(row.totalNs, formatDuration),
        figure(row.bytesTotal, formatSize),
        figure(row.pagesLost, formatCount),
        printable(row.name),
      ),
    ),
  ];
}

/** `2026-11-21 01:34`, in the user's time zone. */
export function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
