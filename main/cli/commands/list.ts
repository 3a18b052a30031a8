// `brownout list [FILTER]`: the kept runs, newest first; with a filter, those it holds for.
import type { FilterMistake } from '../../contract/filter/ast.ts';
import { RUN_ORDERS, type RunOrder } from '../../store/runs.ts';
import type { RunRow } from '../../store/rows.ts';
import type { Store } from '../../store/store.ts';
import { nearest, UsageError, type Command } from '../command.ts';
import { dbOption, existingStore } from '../storeOption.ts';
import { formatCount, formatFigure } from '../../contract/format.ts';
import { EXIT } from '../terminal.ts';
import { pad, printable, printableJson, wrap } from '../text.ts';

export const command: Command = {
  operands: '[FILTER]',
  purpose: 'list the kept runs, newest first',
  details:
    "FILTER is the language of the app's table of runs, best in quotes: brownout list 'downtime < 300ms and device in (nic, gpu) and not lost > 0'. Words alone are searched for in names, notes and tags. --columns lists the names.",
  options: {
    sort: { type: 'string', value: 'COLUMN', help: `by ${RUN_ORDERS.join(', ')}, or any of --columns` },
    reverse: { type: 'boolean', short: 'r', help: 'in the opposite order' },
    limit: { type: 'string', value: 'N', short: 'n', help: 'at most N runs' },
    columns: { type: 'boolean', help: 'the names that a filter may use, instead of runs' },
    json: { type: 'boolean', help: 'as one JSON document' },
    db: dbOption,
  },
  takes: [0, 1000],
  async run(words, terminal) {
    const filter = words.positionals.join(' ');
    const sort = words.text('sort') ?? 'created';
    if (words.flag('columns')) {
      terminal.out(`${(await columnLines()).join('\n')}\n`);
      return EXIT.done;
    }
    // Newest first; everything else from the least.
    const descending = (sort === 'created') !== words.flag('reverse');
    const limit = words.whole('limit', 0, 1_000_000_000);
    const ask = await questionOf(filter, sort, descending, limit);
    const store = existingStore(words);
    try {
      const rows = store === undefined ? [] : ask(store);
      if (words.flag('json')) terminal.out(`${printableJson({ runs: rows })}\n`);
      else if (rows.length > 0) terminal.out(`${table(rows, terminal.columns).join('\n')}\n`);
      else if (store === undefined || store.count() === 0) {
        terminal.say('No runs are kept yet. Try: brownout run examples/…');
      } else terminal.say('No run fits this filter.');
    } finally {
      store?.close();
    }
    return EXIT.done;
  },
};

type Question = (store: Store) => readonly RunRow[];

/** The columns of experiments are known from their schema, which takes a moment to load: only where it is needed. */
async function questionOf(
  filter: string,
  sort: string,
  descending: boolean,
  limit: number | undefined,
): Promise<Question> {
  if (filter === '' && isOrder(sort)) {
    return (store) => store.list({ order: sort, descending, ...(limit === undefined ? {} : { limit }) });
  }
  const { tableColumn, tableColumns } = await import('../../store/tableColumns.ts');
  const { parseFilter } = await import('../../contract/filter/parse.ts');
  const column = tableColumn(sort === 'bytes' ? 'sent' : sort);
  if (column?.sortable !== true) {
    const names = tableColumns().filter(({ sortable }) => sortable);
    const meant = nearest(sort, [...RUN_ORDERS, ...names.map(({ name }) => name)]);
    throw new UsageError(
      `--sort ${printable(sort, 40)}: ${meant === undefined ? 'brownout list --columns lists the names' : `did you mean ${meant}?`}`,
    );
  }
  const parsed = parseFilter(filter, tableColumns());
  if (!parsed.ok) throw new UsageError(mistakeText(filter, parsed.mistake));
  return (store) =>
    store
      .table({
        where: { node: parsed.node, named: tableColumn },
        sort: column,
        ...{ descending, limit: limit ?? -1, offset: 0, columns: [], deleted: false },
      })
      .runs.map(({ row }) => row);
}

/** The mistake, the filter with the place marked, and what would be right. */
function mistakeText(filter: string, { message, hint, position, length }: FilterMistake): string {
  const before = printable(filter.slice(0, position));
  const marked = printable(filter.slice(position, position + Math.max(1, length)));
  const lines = [
    `the filter: ${printable(message)}`,
    `    ${before}${marked}${printable(filter.slice(position + length))}`,
    `    ${' '.repeat(before.length)}${'^'.repeat(Math.max(1, marked.length))}`,
  ];
  return [...lines, ...(hint === '' ? [] : [`    ${printable(hint)}`])].join('\n');
}

async function columnLines(): Promise<string[]> {
  const { tableColumns } = await import('../../store/tableColumns.ts');
  return tableColumns().flatMap(({ name, type, help, values }) => {
    const known = values.length > 0 ? `${type}: ${values.join(', ')}` : type;
    const text = [known, help].filter((part) => part !== '').join('. ');
    return wrap(text, 46).map((line, i) => `${pad(i === 0 ? name : '', 32)} ${line}`.trimEnd());
  });
}

function isOrder(text: string): text is RunOrder {
  return (RUN_ORDERS as readonly string[]).includes(text);
}

function table(rows: readonly RunRow[], columns: number): string[] {
  const dash = '–';
  const idWidth = Math.max(2, ...rows.map(({ id }) => String(id).length));
  const nameWidth = Math.max(14, Math.min(60, columns - idWidth - 64));
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
      pad(down, 8, 'right'),
      pad(total, 8, 'right'),
      pad(sent, 8, 'right'),
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
        figure(row.downtimeNs, (ns) => formatFigure(ns, 'ns')),
        figure(row.totalNs, (ns) => formatFigure(ns, 'ns')),
        figure(row.bytesTotal, (bytes) => formatFigure(bytes, 'bytes')),
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
