// The columns of the table of runs, which are also the names of the filter language: where each has its values in SQL.
import type { Column } from '../contract/runs.ts';
import { configColumns, EACH, type ConfigColumn } from './configColumns.ts';
import { STATUS_SQL } from './status.ts';

export type ColumnSource =
  /** An expression over the table `run`. Ours, never the user's. */
  | { readonly kind: 'sql'; readonly sql: string }
  /** The items of a JSON list in a column of `run`. */
  | { readonly kind: 'list'; readonly sql: string }
  /** A field of the experiment. */
  | { readonly kind: 'config'; readonly path: readonly string[] };

export interface TableColumn extends Omit<Column, 'values' | 'sortable'> {
  readonly values: readonly string[];
  readonly source: ColumnSource;
  readonly sortable: boolean;
}

type Row = readonly [name: string, title: string, type: Column['type'], field: string, sql: string, help: string];

const ROWS: readonly Row[] = [
  ['name', 'Name', 'text', 'name', 'run.name', 'Of the experiment.'],
  ['status', 'Status', 'text', 'status', STATUS_SQL, 'Whether it is whole, being made, or was broken off.'],
  ['outcome', 'Outcome', 'text', 'outcome', 'run.outcome', 'How the migration ended.'],
  [
    'lost',
    'Lost',
    'count',
    'pagesLost',
    'run.pages_lost',
    'Pages whose last contents the destination lacks; unknown: not checked.',
  ],
  [
    'downtime',
    'Downtime',
    'duration',
    'downtimeNs',
    'run.downtime_ns',
    'Time from the decision to stop until the last byte is away.',
  ],
  ['total', 'Total time', 'duration', 'totalNs', 'run.total_ns', 'From the migration’s beginning to its end.'],
  ['setup', 'Set-up', 'duration', 'setupNs', 'run.setup_ns', 'Before the first page is sent.'],
  ['rounds', 'Rounds', 'count', 'rounds', 'run.rounds', 'Dirty syncs, as QEMU’s dirty-sync-count.'],
  ['sent', 'Sent', 'size', 'bytesTotal', 'run.bytes_total', 'Bytes on the wire.'],
  ['pages', 'Pages', 'count', 'pagesTotal', 'run.pages_total', 'Transmissions of pages.'],
  ['resent', 'Sent again', 'count', 'pagesResent', 'run.pages_resent', 'Transmissions beyond the first of each page.'],
  [
    'needless',
    'Needless',
    'count',
    'pagesNeedless',
    'run.pages_needless',
    'Pages sent though the destination had them.',
  ],
  [
    'stall',
    'Guest stall',
    'duration',
    'guestStallNs',
    'run.guest_stall_ns',
    'Time that vCPUs could not run before the blackout.',
  ],
  ['speed', 'Guest speed', 'share', 'guestSpeed', 'run.guest_speed', 'Writes made over writes asked for.'],
  [
    'throttle',
    'Throttle',
    'percent',
    'throttleMaxPercent',
    'run.throttle_max_percent',
    'The hardest throttling of vCPUs.',
  ],
  ['created', 'Started', 'time', 'createdMs', 'run.created_ms', 'When the run was begun.'],
  ['ended', 'Ended', 'time', 'endedMs', 'run.ended_ms', 'When the run was whole.'],
  ['seed', 'Seed', 'count', 'seed', 'run.seed', 'Of all chance in it.'],
  ['file', 'File', 'text', 'fileName', 'run.file_name', 'Name of the experiment’s file.'],
  ['note', 'Note', 'text', 'note', 'run.note', 'Your own words.'],
  ['source', 'Source', 'text', 'sourceKind', 'run.source_kind', 'Simulated, measured in QEMU, or imported.'],
  ['producer', 'Producer', 'text', 'sourceText', 'run.source_text', 'What made it, with its version.'],
  ['engine', 'Engine', 'text', 'engineVersion', 'run.engine_version', 'Version of the engine.'],
  ['samples', 'Samples', 'count', 'sampleCount', 'run.sample_count', 'Samples of each series.'],
  ['events', 'Events', 'count', 'eventCount', 'run.event_count', 'Events.'],
  ['hash', 'Hash', 'text', 'hash', 'run.hash', 'Of all that the run holds: equal hashes, equal results.'],
  ['id', 'Number', 'count', 'id', 'run.id', 'The run’s number in this store.'],
];

const VALUES: Readonly<Record<string, readonly string[]>> = {
  status: ['running', 'finished', 'failed', 'interrupted'],
  outcome: ['completed', 'timed-out', 'cancelled', 'failed', 'unknown'],
  source: ['sim', 'qemu', 'import'],
};

const EXPECTED =
  "CASE WHEN run.expect_total = 0 THEN NULL WHEN run.expect_met = run.expect_total THEN 'met' ELSE 'not met' END";
const CONFIG = '(SELECT substr(config.hash, 1, 12) FROM config WHERE config.id = run.config_id)';

/** Short names for what is asked for most. */
const SHORT: readonly (readonly [name: string, path: string, title: string])[] = [
  ['device', 'devices.type', 'Devices'],
  ['format', 'iommu.format', 'Page tables'],
  ['limit', 'migration.downtime_limit', 'Downtime limit'],
  ['link', 'migration.link', 'Link'],
  ['memory', 'guest.memory', 'Memory'],
  ['viommu', 'viommu.mode', 'vIOMMU'],
  ['workload', 'guest.workloads.pattern', 'Workloads'],
];

let known: readonly TableColumn[] | undefined;

export function tableColumns(): readonly TableColumn[] {
  known ??= [
    ...ROWS.map(([name, title, type, rowField, sql, help]): TableColumn => ({
      ...{ name, title, type, rowField, help },
      values: VALUES[name] ?? [],
      source: { kind: 'sql', sql },
      sortable: true,
    })),
    {
      ...{ name: 'tag', title: 'Tags', type: 'text', rowField: 'tags', values: [], sortable: false },
      help: 'Of the experiment and your own.',
      source: { kind: 'list', sql: 'run.tags' },
    },
    {
      ...{ name: 'expected', title: 'Expected', type: 'text', rowField: null, sortable: true },
      values: ['met', 'not met'],
      help: 'Whether what the experiment expects came true.',
      source: { kind: 'sql', sql: EXPECTED },
    },
    {
      ...{ name: 'config', title: 'Configuration', type: 'text', rowField: null, values: [], sortable: true },
      help: 'The same for runs that differ in their seed alone.',
      source: { kind: 'sql', sql: CONFIG },
    },
    ...SHORT.flatMap(([name, path, title]) => {
      const column = configColumns().find((one) => one.name === path);
      return column === undefined ? [] : [ofConfig({ ...column, name, title })];
    }),
    ...configColumns().map(ofConfig),
  ];
  return known;
}

function ofConfig({ path, ...column }: ConfigColumn): TableColumn {
  return { ...column, rowField: null, source: { kind: 'config', path }, sortable: !path.includes(EACH) };
}

let byName: ReadonlyMap<string, TableColumn> | undefined;

export function tableColumn(name: string): TableColumn | undefined {
  byName ??= new Map(tableColumns().map((column) => [column.name, column]));
  return byName.get(name);
}
