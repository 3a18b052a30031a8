// Calls about sweeps.
import { planSweep } from '../../engine/experiment/sweep.ts';
import { readQuantity, type QuantityKind } from '../../engine/experiment/quantity.ts';
import { offeredFields, withSweep } from '../../engine/experiment/sweep-fields.ts';
import { valueText } from '../../engine/experiment/sweep.ts';
import { ServiceError } from '../contract/errors.ts';
import type { SweepPoint } from '../contract/sweeps.ts';
import type { PointRow, StoredField } from '../store/sweeps.ts';
import { estimateOf } from './estimate.ts';
import type { Handlers, Parts } from './handlers.ts';
import { WINDOW_PLAN } from './sweepBoard.ts';

type Methods =
  | 'sweeps.fields'
  | 'sweeps.check'
  | 'sweeps.start'
  | 'sweeps.list'
  | 'sweeps.get'
  | 'sweeps.points'
  | 'sweeps.pause'
  | 'sweeps.resume'
  | 'sweeps.remove';

/** Settings whose duration is reckoned; the others take as long as these do in the mean. */
const RECKONED = 50;

export function sweepHandlers({ store, sweeps, app }: Parts): Handlers<Methods> {
  return {
    'sweeps.fields': ({ text }) => offeredFields(text).map((field) => ({ ...field, choices: [...field.choices] })),
    'sweeps.check': ({ text, fileName = '', sweep }) => {
      const whole = composed(text, sweep);
      const planned = planSweep(whole, {
        fileName: fileName === '' ? '(sweep)' : fileName,
        ...WINDOW_PLAN,
      });
      if (!planned.ok) return { problems: [...planned.problems], plan: null, text: whole };
      const { plan } = planned;
      const some = plan.points.filter((_, i) => i % Math.ceil(plan.points.length / RECKONED) === 0);
      const seconds = some.reduce((sum, point) => sum + estimateOf(plan.experiment(point)).wallSeconds, 0);
      return {
        problems: [],
        text: whole,
        plan: {
          settings: plan.settings.length,
          seeds: plan.seeds.length,
          points: plan.points.length,
          repeated: plan.repeated,
          wallSeconds: ((seconds / some.length) * plan.points.length) / app.threads,
          qemu: plan.backends.has('qemu'),
        },
      };
    },
    'sweeps.start': ({ text, fileName, sweep, allowQemu = false }) =>
      sweeps.start(composed(text, sweep), fileName, app.qemuAllowed && allowQemu),
    'sweeps.list': () => sweeps.list(),
    'sweeps.get': ({ id }) => ({ sweep: sweeps.get(id), text: store.sweeps.text(id) }),
    'sweeps.points': ({ id, from, limit }) => {
      const { fields } = store.sweeps.get(id);
      const all = store.sweeps.points(id);
      return { total: all.length, points: all.slice(from, from + limit).map((point) => told(point, fields)) };
    },
    'sweeps.pause': ({ id }) => {
      sweeps.pause(id);
      return null;
    },
    'sweeps.resume': ({ id, allowQemu = false }) => sweeps.resume(id, app.qemuAllowed && allowQemu),
    'sweeps.remove': ({ id }) => {
      sweeps.remove(id);
      return null;
    },
  };
}

function composed(text: string, sweep: unknown): string {
  if (sweep === undefined) return text;
  const whole = withSweep(text, sweep);
  if (whole !== undefined) return whole;
  throw new ServiceError({ kind: 'invalid-experiment', message: 'this experiment cannot be read', problems: [] });
}

function told(row: PointRow, fields: readonly StoredField[]): SweepPoint {
  const { number, setting, seed, written, status, runId, failure, outcome, expectMet, figures } = row;
  return {
    ...{ number, setting, seed, status, runId, failure, outcome, expectMet },
    written: written.map(valueText),
    numbers: written.map((value, i) => numberOf(fields[i]?.kind ?? '', value)),
    figures: { ...figures },
  };
}

const QUANTITIES: ReadonlySet<string> = new Set(['size', 'duration', 'rate', 'page-rate', 'pages', 'share', 'percent']);

function numberOf(kind: string, value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !QUANTITIES.has(kind)) return null;
  try {
    const number = readQuantity(kind as QuantityKind, value);
    return Number.isFinite(number) ? number : null;
  } catch {
    return null;
  }
}
