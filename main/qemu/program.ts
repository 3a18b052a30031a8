// The guest program of a QEMU run: checks what its vCPUs are asked to write, and makes the bootable image.
//
// The program itself is guest/guest.S. Behind it come a block for each vCPU that writes and the tables of zipf patterns. Pages
// are RAM pages; the program skips the hole below 4 GiB by itself.

import { readFileSync } from 'node:fs';
import { zipfTable } from '../../engine/machine/zipf.ts';
import { HIGH_GPA_PAGE, machineLayout } from '../../engine/machine/layout.ts';
import { QemuError } from './errors.ts';

/** What a vCPU does for a while. Pages are RAM pages. */
export interface WritePhase {
  /** How long, before the next phase begins; 0 = for ever. After the last phase comes the first again. */
  readonly durationMs: number;
  readonly pattern: 'idle' | 'sequential' | 'uniform' | 'hotcold' | 'window' | 'burst' | 'zipf';
  readonly firstPage: number;
  /** Working set; with `window` the region in which the window moves. */
  readonly pages: number;
  readonly writesPerSecond: number | 'full';
  /** Writes missed while the vCPU did not run are made up for at most this long. */
  readonly catchUpMs: number;
  readonly hot?: { readonly pages: number; readonly share: number };
  readonly window?: { readonly pages: number; readonly everyMs: number };
  readonly burst?: { readonly onMs: number; readonly offMs: number };
  readonly zipf?: { readonly skew: number };
}

export interface GuestProgram {
  readonly machine: 'pc' | 'q35';
  readonly memoryPages: number;
  /** These pages are filled with non-zero words before the clock starts; all other memory stays zero. */
  readonly fillFirstPage: number;
  readonly fillPages: number;
  readonly seed: number;
  readonly reportMs: number;
  /** Toggles CR4.PSE in each tick so that TCG drops its software TLB: see guest.S. */
  readonly flushTlb: boolean;
  /** The phases of each vCPU that writes; at least one, which reports. */
  readonly vcpus: readonly (readonly WritePhase[])[];
}

/** Program, tables, states, stacks and page tables lie below. */
export const FIRST_FREE_PAGE = 512;
export const PHASES_MAX = 16;
export const WRITING_VCPUS_MAX = 16;
/** Page tables have room for so much guest-physical memory. */
const MAP_GIB_MAX = 96;
const PAGES_PER_GIB = 1 << 18;

const LOAD = 0x100000;
const LOAD_ENDS = [20, 24];
const PARAMETERS = 0x40;
const MAGIC = 0x4e575242;
const VERSION = 2;
/** Of a vCPU's block. */
const BLOCK_HEADER = 64;
const PHASE_SIZE = 64;
const BLOCK_SIZE = BLOCK_HEADER + PHASES_MAX * PHASE_SIZE;
const BUCKET_SIZE = 16;
/** What follows the image in memory: the vCPUs' states. */
const APPENDED_END = 0x80000;
const PATTERN = { idle: 0, sequential: 1, uniform: 2, hotcold: 3, window: 4, burst: 5, zipf: 6 } as const;
const UINT32_MAX = 0xffff_ffff;
/** Seeds of vCPUs lie apart by the golden ratio of 2^32. */
const SEED_STEP = 0x9e37_79b9;
/** Stored counts of vCPUs begin this far apart, so that no two store the same. */
const MARK_STEP = 2 ** 28;
const IMAGE = new URL('./guest/guest.bin', import.meta.url);

/** Where RAM lies in guest-physical memory: RAM pages from `lowPages` on begin at 4 GiB. */
const lowPagesOf = ({ machine, memoryPages }: Pick<GuestProgram, 'machine' | 'memoryPages'>): number =>
  machineLayout(machine, memoryPages, []).sections[0]!.pages;

/** The bootable image with these parameters. */
export function guestImage(program: GuestProgram): Uint8Array {
  checkProgram(program);
  const code = readFileSync(IMAGE);
  if (code.readUInt32LE(PARAMETERS) !== MAGIC || code.readUInt32LE(PARAMETERS + 4) !== VERSION)
    throw new Error('guest.bin holds no parameters of this version: build it again');
  const { vcpus, memoryPages } = program;
  const lowPages = lowPagesOf(program);
  const lastPage = memoryPages > lowPages ? HIGH_GPA_PAGE + memoryPages - lowPages : memoryPages;
  const blocks = code.length;
  const tables: Buffer[] = [];
  let end = blocks + vcpus.length * BLOCK_SIZE;
  const append = (table: Buffer): number => {
    const at = end;
    tables.push(table);
    end += table.length;
    return LOAD + at;
  };
  const vcpuBlocks = vcpus.map((phases, vcpu) => {
    const block = Buffer.alloc(BLOCK_SIZE);
    writeWords(block, 0, [seedOf(program.seed, vcpu), phases.length, vcpu * MARK_STEP]);
    phases.forEach((phase, i) => {
      writeWords(block, BLOCK_HEADER + i * PHASE_SIZE, phaseWords(phase, append));
    });
    return block;
  });
  need(end <= APPENDED_END, 'workloads', 'their zipf tables do not fit below the guest program’s states');
  const image = Buffer.concat([code, ...vcpuBlocks, ...tables]);
  writeWords(image, PARAMETERS + 8, [
    ...[program.fillFirstPage, program.fillPages, lowPages, HIGH_GPA_PAGE - lowPages],
    Math.max(4, Math.ceil(lastPage / PAGES_PER_GIB)),
    ...[program.flushTlb ? 1 : 0, program.reportMs, vcpus.length, LOAD + blocks],
  ]);
  for (const at of LOAD_ENDS) writeWords(image, at, [LOAD + image.length]);
  return image;
}

function writeWords(into: Buffer, at: number, words: readonly number[]): void {
  words.forEach((word, i) => {
    into.writeUInt32LE(word >>> 0, at + 4 * i);
  });
}

/** Never 0, where the generator would stand still. */
function seedOf(seed: number, vcpu: number): number {
  const mixed = (seed + vcpu * SEED_STEP) >>> 0;
  return mixed === 0 ? 1 : mixed;
}

const fraction = (share: number): number => Math.min(UINT32_MAX, Math.round(share * 2 ** 32));

function bucketsOf(pages: number, skew: number): { buckets: Buffer; count: number; stride: number } {
  const { firsts, sizes, keep, alias, stride } = zipfTable(pages, skew);
  const buckets = Buffer.alloc(firsts.length * BUCKET_SIZE);
  for (let i = 0; i < firsts.length; i++)
    writeWords(buckets, i * BUCKET_SIZE, [fraction(keep[i]!), alias[i]!, firsts[i]!, sizes[i]!]);
  return { buckets, count: firsts.length, stride };
}

/** In the order of the P_ offsets of guest.S. */
function phaseWords(phase: WritePhase, append: (table: Buffer) => number): number[] {
  const perMs = phase.writesPerSecond === 'full' ? 0 : phase.writesPerSecond / 1000;
  const whole = Math.floor(perMs);
  const window = phase.pattern === 'window' ? phase.window : undefined;
  const zipf = phase.pattern === 'zipf' ? bucketsOf(phase.pages, phase.zipf!.skew) : undefined;
  return [
    ...[phase.durationMs, PATTERN[phase.pattern], phase.firstPage, window?.pages ?? phase.pages],
    ...[whole, fraction(perMs - whole), phase.writesPerSecond === 'full' ? 1 : 0, phase.catchUpMs],
    zipf?.count ?? phase.hot?.pages ?? 0,
    zipf?.stride ?? fraction(phase.hot?.share ?? 0),
    phase.pages,
    window?.everyMs ?? phase.burst?.onMs ?? 0,
    phase.burst?.offMs ?? 0,
    zipf === undefined ? 0 : append(zipf.buckets),
  ];
}

function checkProgram(program: GuestProgram): void {
  const { memoryPages, vcpus } = program;
  const area = (what: string, first: number, pages: number): void => {
    need(isWhole(first) && isWhole(pages), what, 'pages must be whole numbers');
    need(first >= FIRST_FREE_PAGE, what, `begins at page ${first}; the guest program itself lies below 2 MiB`);
    need(first + pages <= memoryPages, what, `ends at page ${first + pages}, behind the guest’s ${memoryPages}`);
  };
  const mapped = (MAP_GIB_MAX - 4) * PAGES_PER_GIB;
  need(isWhole(memoryPages) && memoryPages <= mapped, 'memory', `more than ${MAP_GIB_MAX - 4} GiB`);
  area('filled memory', program.fillFirstPage, program.fillPages);
  need(
    isWhole(program.reportMs) && program.reportMs >= 1 && program.reportMs <= 60_000,
    'report interval',
    '1 … 60000 ms',
  );
  need(
    vcpus.length >= 1 && vcpus.length <= WRITING_VCPUS_MAX,
    'vCPUs',
    `${vcpus.length} write; the guest program has room for 1 … ${WRITING_VCPUS_MAX}`,
  );
  for (const phases of vcpus) checkPhases(phases, area);
}

function checkPhases(phases: readonly WritePhase[], area: (what: string, first: number, pages: number) => void): void {
  need(
    phases.length >= 1 && phases.length <= PHASES_MAX,
    'phases',
    `${phases.length} given; the guest program holds 1 … ${PHASES_MAX}`,
  );
  need(
    phases.length === 1 || phases.every((phase) => phase.durationMs >= 1),
    'phases',
    'each of several phases must last at least 1 ms',
  );
  for (const [i, phase] of phases.entries()) {
    const what = `phase ${i + 1} (${phase.pattern})`;
    need(isMs(phase.durationMs) && isMs(phase.catchUpMs), what, 'durations are 0 … 2^31 whole milliseconds');
    if (phase.pattern === 'idle') continue;
    area(what, phase.firstPage, phase.pages);
    need(phase.pages >= 1, what, 'the working set is empty');
    need(
      phase.writesPerSecond === 'full' || (phase.writesPerSecond >= 0 && phase.writesPerSecond <= 1e9),
      what,
      'the rate is 0 … 10^9 page writes a second, or full',
    );
    if (phase.pattern === 'hotcold') {
      const hot = phase.hot;
      need(
        hot !== undefined && isWhole(hot.pages) && hot.pages >= 1 && hot.pages < phase.pages,
        what,
        'the hot part must be smaller than the working set and not empty',
      );
      need(hot.share >= 0 && hot.share <= 1, what, 'the hot share is 0 … 1');
    }
    if (phase.pattern === 'window') {
      const { window } = phase;
      need(
        window !== undefined && isWhole(window.pages) && window.pages >= 1 && window.pages <= phase.pages,
        what,
        'the window must fit the region',
      );
      need(isMs(window.everyMs) && window.everyMs >= 1, what, 'the window moves every 1 ms or more');
    }
    if (phase.pattern === 'zipf') need(phase.zipf !== undefined && phase.zipf.skew >= 0, what, 'the skew is 0 or more');
    if (phase.pattern === 'burst')
      need(
        phase.burst !== undefined && isMs(phase.burst.onMs) && phase.burst.onMs >= 1 && isMs(phase.burst.offMs),
        what,
        'a burst lasts at least 1 ms',
      );
  }
}

const isWhole = (value: number): boolean => Number.isInteger(value) && value >= 0;
const isMs = (value: number): boolean => isWhole(value) && value < 2 ** 31;

function need(condition: boolean, what: string, why: string): asserts condition {
  if (!condition) throw new QemuError('unsupported', `${what}: ${why}`);
}
