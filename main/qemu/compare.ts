// Lost pages by measurement: both memories, page by page, while source and destination stand still after a migration.
//
// QEMU writes pieces of guest-physical memory to files in the run's private folder (pmemsave); at most one piece of each
// side exists at a time. Not compared: what is not RAM (640 KiB … 1 MiB), device state, registers.

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB, PAGE_SIZE } from '../../engine/core/units.ts';
import { machineLayout } from '../../engine/machine/layout.ts';
import type { GuestProgram } from './program.ts';
import type { QmpClient } from './qmp.ts';

const PIECE_PAGES = (32 * MIB) / PAGE_SIZE;
const PIECE_TIMEOUT_MS = 60_000;
const HOLE_FIRST_PAGE = 0xa0;
const HOLE_END_PAGE = 0x100;
const RUNS_KEPT = 64;

/** What the comparison needs of a monitor. */
export type SavesMemory = Pick<QmpClient, 'execute'>;

export interface Comparison {
  readonly pagesCompared: number;
  readonly pagesDiffering: number;
  /** The lowest 64 runs of differing RAM pages. */
  readonly runs: readonly (readonly [first: number, count: number])[];
}

export async function compareMemories(
  source: SavesMemory,
  destination: SavesMemory,
  guest: Pick<GuestProgram, 'machine' | 'memoryPages'>,
  folder: string,
  signal?: AbortSignal,
): Promise<Comparison> {
  const differing = new RunList();
  let compared = 0;
  for (const { gpaPage, ramPage, pages } of piecesOf(guest)) {
    const [from, size] = [gpaPage * PAGE_SIZE, pages * PAGE_SIZE];
    const [here, there] = await Promise.all([
      piece(source, from, size, join(folder, 'source.ram'), signal),
      piece(destination, from, size, join(folder, 'destination.ram'), signal),
    ]);
    for (let at = 0; at < size; at += PAGE_SIZE) {
      const page = ramPage + at / PAGE_SIZE;
      if (page >= HOLE_FIRST_PAGE && page < HOLE_END_PAGE) continue;
      compared++;
      if (here.compare(there, at, at + PAGE_SIZE, at, at + PAGE_SIZE) !== 0) differing.add(page);
    }
  }
  return { pagesCompared: compared, pagesDiffering: differing.count, runs: differing.runs };
}

export interface MemoryPiece {
  readonly gpaPage: number;
  readonly ramPage: number;
  readonly pages: number;
}

/** All RAM in pieces: what lies above the hole begins at 4 GiB. */
export function piecesOf({ machine, memoryPages }: Pick<GuestProgram, 'machine' | 'memoryPages'>): MemoryPiece[] {
  const sections = machineLayout(machine, memoryPages, []).sections.filter((section) => !section.readonly);
  return sections.flatMap(({ gpaPage, ramPage, pages }) =>
    Array.from({ length: Math.ceil(pages / PIECE_PAGES) }, (_, i) => ({
      ...{ gpaPage: gpaPage + i * PIECE_PAGES, ramPage: ramPage + i * PIECE_PAGES },
      pages: Math.min(PIECE_PAGES, pages - i * PIECE_PAGES),
    })),
  );
}

async function piece(
  qmp: SavesMemory,
  from: number,
  size: number,
  file: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  await qmp.execute(
    'pmemsave',
    { val: from, size, filename: file },
    { timeoutMs: PIECE_TIMEOUT_MS, ...(signal && { signal }) },
  );
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(size);
    const { bytesRead } = await handle.read(buffer, 0, size, 0);
    if (bytesRead !== size) throw new Error(`QEMU saved ${bytesRead} of ${size} bytes of memory`);
    return buffer;
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

class RunList {
  readonly runs: [first: number, count: number][] = [];
  count = 0;
  #previous = -2;

  /** In ascending order. */
  add(page: number): void {
    this.count++;
    const last = this.runs.at(-1);
    if (last !== undefined && page === this.#previous + 1 && last[0] + last[1] === page) last[1]++;
    else if (this.runs.length < RUNS_KEPT) this.runs.push([page, 1]);
    this.#previous = page;
  }
}
