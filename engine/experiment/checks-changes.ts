// Checks of the timeline: changes that name nothing, happen never, or contradict the state before them.

import { checkInside } from './check.ts';
import type { Check, CheckContext } from './check.ts';
import { nearest } from './messages.ts';
import { ramBytes } from './resolve.ts';
import { spellTime } from './quantity.ts';
import type { ParsedExperiment } from './schema.ts';
import type { Path } from './source.ts';

type Change = ParsedExperiment['changes'][number];

/** All changes together, repeats counted: they are events of the run. */
const MAX_REPEATS = 10_000_000;

const times: Check = {
  needs: ['changes', 'limits'],
  run: ({ changes, limits }, { report, given }) => {
    let total = 0;
    changes.forEach((change, i) => {
      const path: Path = ['changes', i];
      if (change.at === undefined && change.on === undefined) {
        report({ path, message: "the change says neither 'at' nor 'on'", hint: 'For example: at: 3s, or on: round 2' });
      } else if (change.at !== undefined && change.on !== undefined) {
        report({
          path: [...path, 'on'],
          atKey: true,
          message: "the change says both 'at' and 'on'",
          hint: 'Keep one.',
        });
      } else if (change.at !== undefined) {
        if (change.at >= limits.simulated) {
          report({
            path: [...path, 'at'],
            message: `the run ends at ${spellTime(limits.simulated)}, before this change`,
            hint: 'Choose an earlier time, or raise limits.simulated.',
          });
        }
        if (given([...path, 'delay'])) {
          report({ path: [...path, 'delay'], atKey: true, message: "'delay' belongs to 'on'", hint: 'Add it to at.' });
        }
      }
      if (!('times' in change)) return;
      total += change.times;
      if (change.times > 1 && change.every === undefined) {
        report({
          path: [...path, 'times'],
          message: `${change.times} times, but 'every' is missing`,
          hint: 'For example: every: 10ms',
        });
      } else if (change.every !== undefined && change.times === 1 && !given([...path, 'times'])) {
        report({
          path: [...path, 'every'],
          atKey: true,
          message: "'every' without 'times' repeats nothing",
          hint: 'For example: times: 100',
        });
      }
    });
    if (total > MAX_REPEATS) {
      report({
        path: ['changes'],
        atKey: true,
        message: `the changes repeat ${total} times, at most ${MAX_REPEATS} are supported`,
      });
    }
  },
};

const names: Check = {
  needs: ['changes', 'devices', 'guest'],
  run: ({ changes, devices, guest }, context) => {
    const deviceNames = devices.map(({ name }) => name);
    const dimmNames = guest.dimms.map(({ name }) => name);
    changes.forEach((change, i) => {
      if ('device' in change) known(context, ['changes', i, 'device'], change.device, deviceNames, 'device');
      if ('dimm' in change) known(context, ['changes', i, 'dimm'], change.dimm, dimmNames, 'memory module');
    });
  },
};

function known({ report }: CheckContext, path: Path, name: string, names: readonly string[], what: string): void {
  if (names.includes(name)) return;
  const near = nearest(name, names);
  report({
    path,
    message: `no ${what} is called '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`,
    hint:
      names.length === 0
        ? `The experiment has no ${what}s.`
        : `There ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}`,
  });
}

/** Plugged and unplugged in turns; the first change of a thing says whether it is there at the start. */
const turns: Check = {
  needs: ['changes'],
  run: ({ changes }, { report }) => {
    const present = new Map<string, boolean>();
    const timed = changes.map((change, i) => ({ change, i })).filter(({ change }) => change.at !== undefined);
    timed.sort((a, b) => a.change.at! - b.change.at! || a.i - b.i);
    for (const { change, i } of timed) {
      const turn = plugging(change);
      if (turn === undefined) continue;
      if (present.get(turn.key) === turn.plug) {
        report({
          path: ['changes', i, 'do'],
          message: `'${turn.name}' is ${turn.plug ? 'already plugged' : 'not plugged'} at that time`,
          hint: 'Plug and unplug take turns; the first of them says whether it is there at the start.',
        });
      }
      present.set(turn.key, turn.plug);
    }
  },
};

function plugging(change: Change): { key: string; name: string; plug: boolean } | undefined {
  switch (change.do) {
    case 'plug-device':
    case 'unplug-device':
      return { key: `device ${change.device}`, name: change.device, plug: change.do === 'plug-device' };
    case 'plug-memory':
    case 'unplug-memory':
      return { key: `dimm ${change.dimm}`, name: change.dimm, plug: change.do === 'plug-memory' };
    default:
      return undefined;
  }
}

const ranges: Check = {
  needs: ['changes', 'guest'],
  run: ({ changes, guest }, context) => {
    const ram = ramBytes(guest);
    changes.forEach((change, i) => {
      if ('offset' in change) checkInside(context, ['changes', i], `the range to ${change.do}`, change, ram);
      if (change.do === 'set' && change.bandwidth === undefined && change.downtime_limit === undefined) {
        context.report({
          path: ['changes', i],
          message: "the change 'set' sets nothing",
          hint: 'Give bandwidth or downtime_limit.',
        });
      }
    });
  },
};

const meaning: Check = {
  needs: ['changes', 'viommu', 'devices', 'migration'],
  run: ({ changes, viommu, devices, migration }, { report }) => {
    changes.forEach((change, i) => {
      const path = ['changes', i, 'do'];
      if (['map', 'unmap', 'unmap-all', 'driver'].includes(change.do)) {
        const device = 'device' in change ? devices.find(({ name }) => name === change.device) : undefined;
        if (viommu.mode === 'none') {
          report({
            path,
            message: `'${change.do}' is what a guest does with its vIOMMU, and it has none`,
            hint: 'Write viommu: {mode: shadow}.',
          });
        } else if (device !== undefined && !device.behind_viommu) {
          report({
            path,
            message: `'${device.name}' is not behind the vIOMMU`,
            hint: 'Write behind_viommu: true for it.',
          });
        }
      }
      if (change.do === 'start-postcopy' && !migration.postcopy.enabled) {
        report({
          path,
          message: 'QEMU refuses: Enable postcopy with migrate_set_capability before the start of migration',
          hint: 'Write migration: {postcopy: true}.',
        });
      }
      if (
        change.at !== undefined &&
        change.at < migration.start &&
        ['cancel', 'set', 'start-postcopy', 'migrate'].includes(change.do)
      ) {
        if (change.do === 'set') return;
        report({
          path: ['changes', i, 'at'],
          message: `the migration starts at ${spellTime(migration.start)}, after this '${change.do}'`,
          hint: 'Choose a later time, or on: setup.',
        });
      }
    });
    const again = changes.findIndex((change) => change.do === 'migrate');
    const ends = changes.some(
      ({ do: kind }) => kind === 'cancel' || kind === 'fail-destination' || kind === 'lose-link',
    );
    if (again >= 0 && !ends && migration.timeout === 0) {
      report({
        path: ['changes', again, 'do'],
        message: "'migrate' starts a second migration, but nothing ends the first",
        hint: 'Add a cancel, fail-destination or lose-link before it.',
      });
    }
  },
};

export const changeChecks: readonly Check[] = [times, names, turns, ranges, meaning];
