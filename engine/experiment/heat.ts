// The heat map of a run: guest memory by address (rows) and time (columns), in numbers of pages, from the oracle.
//
// Rows are equal ranges of RAM pages, a power of two each, at most ROWS_MAX. A column ends with a sample; it begins as one
// sampling interval, and when COLUMNS_MAX are full, neighbours fold into one of double width, again and again. So the map
// has a bounded size, and depends on the experiment alone: not on the host, nor on who looks at it when.
//
//   written     pages that a source wrote for the first time since they were last sent: the integral of its series `dirty.*`
//   dirty       pages that differ at the destination at the column's end (0 before the migration); folding keeps the later
//   sent        transmissions of pages, and sent-again those beyond the first of a page
//   lost        lost pages, in the column of the step that dropped their dirt; where no step did, in the last column
//
// Not modelled: how often a page was written between two transmissions, nor contents.

import { powerOfTwoFrom, type RowCounts } from '../migration/oracle-rows.ts';
import type { Oracle } from '../migration/oracle.ts';
import type { HeatLayer, HeatMap, RunSink } from './result.ts';

export const ROWS_MAX = 256;
export const COLUMNS_MAX = 512;
/** Layers of writes: vCPUs, devices one by one, and the rest of them together. */
const WRITTEN_MAX = 16;
const UINT32_MAX = 0xffff_ffff;

/** Rows of so many pages: a power of two, so that rows and the oracle's chunks nest. */
export const pagesPerRow = (totalPages: number): number => powerOfTwoFrom(totalPages / ROWS_MAX);

interface Layer extends Omit<HeatLayer, 'pages'> {
  readonly cells: Uint32Array;
}

export class Heat {
  readonly #sink: RunSink;
  readonly #oracle: Oracle;
  readonly #totalPages: number;
  readonly #rows: number;
  readonly #written: Layer[] = [];
  /** Of each writer of the oracle, the layer of its writes. */
  readonly #layerOf: Layer[] = [];
  readonly #dirty: Layer;
  readonly #sent: Layer;
  readonly #sentAgain: Layer;
  readonly #lost: Layer;
  readonly #edges = new Float64Array(COLUMNS_MAX + 1);
  #columns = 0;
  #samplesPerColumn = 1;
  #samples = 0;
  #lastNs = 0;

  /** The oracle's first writers are the vCPU groups, so many; the rest are devices. */
  constructor(sink: RunSink, oracle: Oracle, totalPages: number, vcpuGroups: number) {
    this.#sink = sink;
    this.#oracle = oracle;
    this.#totalPages = totalPages;
    this.#rows = oracle.rows.rows;
    const vcpus = this.#layer('written.vcpu', 'written', 'pages written by vCPUs');
    this.#written.push(vcpus);
    const devices = oracle.writerNames.slice(vcpuGroups);
    const own = devices.length <= WRITTEN_MAX - 1 ? devices.length : WRITTEN_MAX - 2;
    for (let i = 0; i < vcpuGroups; i++) this.#layerOf.push(vcpus);
    for (const [i, name] of devices.entries()) {
      if (i < own)
        this.#written.push(this.#layer(`written.device.${name}`, 'written', `pages written by ${name}`, name));
      else if (i === own)
        this.#written.push(this.#layer('written.device.*', 'written', 'pages written by other devices'));
      this.#layerOf.push(this.#written.at(-1)!);
    }
    this.#dirty = this.#layer('dirty', 'dirty', 'pages that the destination lacks');
    this.#sent = this.#layer('sent', 'sent', 'pages sent');
    this.#sentAgain = this.#layer('sent-again', 'sent-again', 'pages sent again');
    this.#lost = this.#layer('lost', 'lost', 'pages lost');
  }

  /** With every sample, after what happened before it. */
  sample(nowNs: number): void {
    this.#lastNs = nowNs;
    if (++this.#samples < this.#samplesPerColumn) return;
    this.#endColumn();
    if (this.#columns === COLUMNS_MAX) this.#fold();
  }

  /** The last column, however short it is. */
  end(): void {
    if (this.#samples > 0) this.#endColumn();
  }

  /** After the end: a page is lost, since the step that dropped its dirt; -1 where no step did. */
  lost(page: number, sinceNs: number): void {
    if (this.#columns === 0) return;
    let low = 0;
    let high = this.#columns - 1;
    if (sinceNs < 0) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#edges[middle + 1]! >= sinceNs) high = middle;
      else low = middle + 1;
    }
    add(this.#lost.cells, low * this.#rows + Math.floor(page / this.#oracle.rows.rowPages), 1);
  }

  deliver(): void {
    if (this.#columns === 0 || this.#sink.heat === undefined) return;
    const layers = [...this.#written, this.#dirty, this.#sent, this.#sentAgain, this.#lost];
    const map: HeatMap = {
      rows: this.#rows,
      columns: this.#columns,
      totalPages: this.#totalPages,
      pagesPerRow: this.#oracle.rows.rowPages,
      edgesNs: this.#edges.slice(0, this.#columns + 1),
      layers: layers.map(({ cells, ...layer }) => ({ ...layer, pages: cells.slice(0, this.#columns * this.#rows) })),
    };
    this.#sink.heat(map);
  }

  #layer(id: string, kind: HeatLayer['kind'], label: string, source?: string): Layer {
    const cells = new Uint32Array(this.#rows * COLUMNS_MAX);
    return { id, kind, label, ...(source === undefined ? {} : { source }), cells };
  }

  #endColumn(): void {
    this.#samples = 0;
    const counts: RowCounts = this.#oracle.rows.take();
    const first = this.#columns * this.#rows;
    for (const [writer, rows] of counts.written.entries()) addRows(this.#layerOf[writer]!.cells, first, rows);
    addRows(this.#dirty.cells, first, counts.dirty);
    addRows(this.#sent.cells, first, counts.sent);
    addRows(this.#sentAgain.cells, first, counts.sentAgain);
    this.#edges[++this.#columns] = this.#lastNs;
  }

  #fold(): void {
    const half = COLUMNS_MAX / 2;
    for (const { cells } of [...this.#written, this.#sent, this.#sentAgain, this.#dirty]) {
      const keepsLater = cells === this.#dirty.cells;
      for (let column = 0; column < half; column++) {
        const to = column * this.#rows;
        const from = 2 * to;
        for (let row = 0; row < this.#rows; row++) {
          const later = cells[from + this.#rows + row]!;
          cells[to + row] = keepsLater ? later : Math.min(UINT32_MAX, cells[from + row]! + later);
        }
      }
      cells.fill(0, half * this.#rows);
    }
    for (let column = 1; column <= half; column++) this.#edges[column] = this.#edges[2 * column]!;
    this.#columns = half;
    this.#samplesPerColumn *= 2;
  }
}

function addRows(cells: Uint32Array, first: number, rows: Float64Array): void {
  for (let row = 0; row < rows.length; row++) if (rows[row] !== 0) add(cells, first + row, rows[row]!);
}

function add(cells: Uint32Array, at: number, pages: number): void {
  cells[at] = Math.min(UINT32_MAX, cells[at]! + pages);
}
