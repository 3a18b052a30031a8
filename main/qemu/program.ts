// The guest program of a QEMU run: checks what it is asked to write and patches it into the image's parameter block.
//
// The program itself is guest/guest.S. It runs on one vCPU without paging, so it reaches RAM below 3 GiB only, where
// RAM addresses and guest-physical addresses of a pc machine are the same.

import { readFileSync } from 'node:fs';
import { QemuError } from './errors.ts';

/** What the vCPU does for a while. Pages are RAM pages. */
export interface WritePhase {
  /** How long, before the next phase begins; 0 = for ever. After the last phase comes the first again. */
  readonly durationMs: number;
  readonly pattern: 'idle' | 'sequential' | 'uniform' | 'hotcold' | 'window' | 'burst';
  readonly firstPage: number;
  /** Working set; with `window` the region in which the window moves. */
  readonly pages: number;
  readonly writesPerSecond: number | 'full';
  /** Writes missed while the vCPU did not run are made up for at most this long. */
  readonly catchUpMs: number;
  readonly hot?: { readonly pages: number; readonly share: number };
  readonly window?: { readonly pages: number; readonly everyMs: number };
  readonly burst?: { readonly onMs: number; readonly offMs: number };
}

export interface GuestProgram {
  /** These pages are filled with non-zero words before the clock starts; all other memory stays zero. */
  readonly fillFirstPage: number;
  readonly fillPages: number;
  readonly seed: number;
  readonly reportMs: number;
  /** Toggles CR4.PSE in each tick so that TCG drops its software TLB: see guest.S. */
  readonly flushTlb: boolean;
  readonly phases: readonly WritePhase[];
}

/** Program, state and stack lie below: 1 MiB … 1 MiB + 12 KiB. */
export const FIRST_FREE_PAGE = 512;
/** RAM of a pc machine above 3 GiB may lie above the hole, out of reach of 32 bits. */
export const LAST_PAGE_END = (3 * 2 ** 30) / 4096;
export const PHASES_MAX = 16;

const PARAMETERS = 0x40;
const PHASES = 0x80;
const PHASE_SIZE = 64;
const MAGIC = 0x4e575242;
const VERSION = 1;
const PATTERN = { idle: 0, sequential: 1, uniform: 2, hotcold: 3, window: 4, burst: 5 } as const;
const UINT32_MAX = 0xffff_ffff;
const IMAGE = new URL('./guest/guest.bin', import.meta.url);

/** The bootable image with these parameters. */
export function guestImage(program: GuestProgram): Uint8Array {
  checkProgram(program);
  const image = new Uint8Array(readFileSync(IMAGE));
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (view.getUint32(PARAMETERS, true) !== MAGIC || view.getUint32(PARAMETERS + 4, true) !== VERSION)
    throw new Error('guest.bin holds no parameter block of this version: build it again');
  const words = [
    program.fillFirstPage,
    program.fillPages,
    program.seed === 0 ? 1 : program.seed >>> 0,
    program.flushTlb ? 1 : 0,
    program.reportMs,
    program.phases.length,
  ];
  words.forEach((word, i) => {
    view.setUint32(PARAMETERS + 8 + 4 * i, word, true);
  });
  program.phases.forEach((phase, i) => {
    phaseWords(phase).forEach((word, j) => {
      view.setUint32(PHASES + PHASE_SIZE * i + 4 * j, word, true);
    });
  });
  return image;
}

/** In the order of the P_ offsets of guest.S. */
function phaseWords(phase: WritePhase): number[] {
  const perMs = phase.writesPerSecond === 'full' ? 0 : phase.writesPerSecond / 1000;
  const whole = Math.floor(perMs);
  const window = phase.pattern === 'window' ? phase.window : undefined;
  return [
    phase.durationMs,
    PATTERN[phase.pattern],
    phase.firstPage,
    window?.pages ?? phase.pages,
    whole,
    Math.min(UINT32_MAX, Math.round((perMs - whole) * 2 ** 32)),
    phase.writesPerSecond === 'full' ? 1 : 0,
    phase.catchUpMs,
    phase.hot?.pages ?? 0,
    Math.min(UINT32_MAX, Math.round((phase.hot?.share ?? 0) * 2 ** 32)),
    phase.pages,
    window?.everyMs ?? phase.burst?.onMs ?? 0,
    phase.burst?.offMs ?? 0,
  ];
}

function checkProgram(program: GuestProgram): void {
  const area = (what: string, first: number, pages: number): void => {
    need(isWhole(first) && isWhole(pages), what, 'pages must be whole numbers');
    need(first >= FIRST_FREE_PAGE, what, `begins at page ${first}; the guest program itself lies below 2 MiB`);
    need(first + pages <= LAST_PAGE_END, what, 'reaches above 3 GiB, which the 32-bit guest program cannot write');
  };
  area('filled memory', program.fillFirstPage, program.fillPages);
  need(
    isWhole(program.reportMs) && program.reportMs >= 1 && program.reportMs <= 60_000,
    'report interval',
    '1 … 60000 ms',
  );
  need(
    program.phases.length >= 1 && program.phases.length <= PHASES_MAX,
    'phases',
    `${program.phases.length} given; the guest program holds 1 … ${PHASES_MAX}`,
  );
  need(
    program.phases.length === 1 || program.phases.every((phase) => phase.durationMs >= 1),
    'phases',
    'each of several phases must last at least 1 ms',
  );
  for (const [i, phase] of program.phases.entries()) {
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
