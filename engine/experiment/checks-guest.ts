// Checks of the guest: what does not fit into its memory or onto its vCPUs.

import { PAGE_SIZE, spellSize } from '../core/units.ts';
import { checkInside, checkUnique } from './check.ts';
import type { Check, CheckContext } from './check.ts';
import { MAX_GUEST_BYTES } from './limits.ts';
import { FILL_START, ramBytes, regionOf } from './resolve.ts';
import { spellTime } from './quantity.ts';
import type { ParsedExperiment } from './schema.ts';
import type { Path } from './source.ts';

type Guest = ParsedExperiment['guest'];
type Workload = Guest['workloads'][number];
type Pattern = Exclude<Workload, { pattern: 'phases' | 'idle' }>;

const BACKINGS = [4096, 2_097_152, 1_073_741_824];

const memory: Check = {
  needs: ['guest'],
  run: ({ guest }, { report }) => {
    if (!BACKINGS.includes(guest.backing)) {
      report({
        path: ['guest', 'backing'],
        message: `${spellSize(guest.backing)} is not a size of host pages`,
        hint: 'Host pages are 4KiB, 2MiB or 1GiB.',
      });
    } else if (guest.memory % guest.backing !== 0) {
      report({
        path: ['guest', 'memory'],
        message: `${spellSize(guest.memory)} of memory is no whole number of ${spellSize(guest.backing)} host pages`,
        hint: 'Make the memory a multiple, or choose smaller host pages.',
      });
    }
    if (guest.memory > MAX_GUEST_BYTES || ramBytes(guest) > MAX_GUEST_BYTES) {
      report({
        path: ['guest', 'dimms'],
        message: `memory and modules come to ${spellSize(ramBytes(guest))}, at most 4TiB are supported`,
      });
    }
    if (guest.populated !== undefined && guest.filled !== undefined) {
      report({
        path: ['guest', 'filled'],
        atKey: true,
        message: "'populated' and 'filled' say the same thing twice",
        hint: 'Keep one: a share of the memory, or an exact amount.',
      });
    } else if (guest.filled !== undefined && guest.filled > Math.max(0, guest.memory - FILL_START)) {
      const most = Math.max(0, guest.memory - FILL_START);
      report({
        path: ['guest', 'filled'],
        message: `${spellSize(guest.filled)} do not fit: memory is filled from 2MiB on, and the guest has ${spellSize(guest.memory)}`,
        hint: `At most ${most / PAGE_SIZE} pages (${spellSize(most)}) can be filled.`,
      });
    }
  },
};

const vcpus: Check = {
  needs: ['guest'],
  run: ({ guest }, { report }) => {
    let used = 0;
    guest.workloads.forEach((workload, i) => {
      used += workload.vcpus;
      if (used <= guest.vcpus || used - workload.vcpus > guest.vcpus) return;
      report({
        path: ['guest', 'workloads', i, 'vcpus'],
        message: `the workloads up to '${workload.name}' take ${used} vCPUs, the guest has ${guest.vcpus}`,
        hint: 'Raise guest.vcpus or make the groups smaller.',
      });
    });
  },
};

const names: Check = {
  needs: ['guest', 'devices'],
  run: ({ guest, devices }, context) => {
    checkUnique(context, [
      { path: [], name: 'background', what: 'group of the lab itself, the pages that every guest writes' },
      ...guest.workloads.map(({ name }, i) => ({
        path: ['guest', 'workloads', i, 'name'],
        name,
        what: 'workload',
      })),
      ...devices.map(({ name }, i) => ({ path: ['devices', i, 'name'], name, what: 'device' })),
      ...guest.dimms.map(({ name }, i) => ({ path: ['guest', 'dimms', i, 'name'], name, what: 'memory module' })),
    ]);
  },
};

const workloads: Check = {
  needs: ['guest'],
  run: ({ guest }, context) => {
    guest.workloads.forEach((workload, i) => {
      const path: Path = ['guest', 'workloads', i];
      if (workload.reads !== undefined) {
        checkInside(context, [...path, 'reads'], 'what is read', workload.reads, ramBytes(guest));
      }
      if (workload.pattern === 'phases') {
        workload.phases.forEach((phase, j) => {
          const at = [...path, 'phases', j];
          if (phase.for === 0) {
            context.report({
              path: [...at, 'for'],
              message: 'a phase of zero length never happens',
              hint: 'Give it a length such as 2s, or remove it.',
            });
          } else if (phase.for < 1_000_000) {
            context.report({
              path: [...at, 'for'],
              message: `a phase of ${spellTime(phase.for)} is shorter than the guest's timer tick of 1ms`,
              hint: 'Give it at least 1ms.',
            });
          }
          if (phase.pattern !== 'idle') checkPattern(phase, at, guest, context);
        });
      } else if (workload.pattern !== 'idle') {
        checkPattern(workload, path, guest, context);
      }
    });
  },
};

function checkPattern(
  pattern: Omit<Pattern, 'name' | 'vcpus' | 'catch_up'>,
  path: Path,
  guest: Guest,
  context: CheckContext,
): void {
  const ram = ramBytes(guest);
  const region = regionOf(pattern.region, guest);
  if (!checkInside(context, [...path, 'region'], 'the working set', region, ram)) return;
  const { report } = context;
  const holds = (part: string, size: number): void => {
    if (size <= region.size) return;
    report({
      path: [...path, part, 'size'],
      message: `the ${part === 'hot' ? 'hot part' : 'window'} of ${spellSize(size)} is larger than the working set of ${spellSize(region.size)}`,
      hint: 'It lies inside the working set: make it smaller, or the region larger.',
    });
  };
  if ('hot' in pattern) {
    const { hot } = pattern as Extract<Pattern, { pattern: 'hotcold' }>;
    holds('hot', hot.size);
    if (hot.size === region.size && hot.share < 1) {
      report({
        path: [...path, 'hot', 'size'],
        message: 'the hot part is the whole working set: nothing is left for the other writes',
        hint: 'Make the hot part smaller, or use the pattern uniform.',
      });
    }
  }
  if ('window' in pattern) holds('window', (pattern as Extract<Pattern, { pattern: 'window' }>).window.size);
}

const regions: Check = {
  needs: ['guest'],
  run: ({ guest }, context) => {
    const ram = ramBytes(guest);
    guest.regions.forEach((region, i) => {
      const path = ['guest', 'regions', i];
      if (!checkInside(context, path, 'the region', region, ram)) return;
      const other = guest.regions.findIndex(
        (earlier, j) =>
          j < i && earlier.offset < region.offset + region.size && region.offset < earlier.offset + earlier.size,
      );
      if (other >= 0) {
        context.report({
          path: [...path, 'offset'],
          message: `the region overlaps regions[${other}]`,
          hint: 'A page of RAM belongs to one region.',
        });
      }
    });
  },
};

export const guestChecks: readonly Check[] = [memory, vcpus, names, workloads, regions];
