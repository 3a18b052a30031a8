// What an experiment can already say but the simulation does not do yet: refused with a clear message, never ignored.
//
// One row a field: the values that work, and what is missing for the others. Shrink this list when the engine honours
// a field; test/engine/experiment/honoured.test.ts finds fields that nothing reads and that are not listed here.

import { describe } from './quantity.ts';
import { oneOf } from './messages.ts';
import type { Check } from './check.ts';
import type { SectionName } from './schema.ts';
import type { Path } from './source.ts';

interface NotYet {
  /** `[]` stands for every item of a list. */
  readonly path: string;
  /** Values that work; undefined is "not given". */
  readonly works: readonly unknown[];
  /** What is missing, as the subject of "... is not simulated yet". */
  readonly what: string;
}

export const NOT_YET: readonly NotYet[] = [
  { path: 'iommu.pins', works: ['copy'], what: 'pinning a guest once for each container' },
];

/** Every place that a path with `[]` leads to, with its value. */
function* places(value: unknown, steps: readonly string[], at: Path = []): Generator<{ path: Path; value: unknown }> {
  const [step, ...rest] = steps;
  if (step === undefined) {
    yield { path: at, value };
  } else if (step === '[]') {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* places(item, rest, [...at, i]);
  } else if (typeof value === 'object' && value !== null && step in value) {
    yield* places((value as Record<string, unknown>)[step], rest, [...at, step]);
  }
}

const stepsOf = (path: string): string[] => path.replaceAll('[]', '.[]').split('.');

export const notYetChecks: readonly Check[] = NOT_YET.map(({ path, works, what }) => {
  const steps = stepsOf(path);
  return {
    needs: [steps[0] as SectionName, 'backend'],
    run: (experiment, { report, given }): void => {
      if (experiment.backend !== 'sim') return;
      for (const place of places(experiment, steps)) {
        if (works.includes(place.value)) continue;
        // The switch of a group stands for the group: `ats: true` has no key `enabled`.
        const shown = place.path.at(-1) === 'enabled' && !given(place.path) ? place.path.slice(0, -1) : place.path;
        const values = works.filter((value) => value !== undefined).map(String);
        report({
          path: shown,
          message: `${what} is not simulated yet`,
          hint:
            values.length === 0 ? 'Leave it out.' : `What works is ${oneOf(values)}; found ${describe(place.value)}.`,
        });
      }
    },
  };
});
