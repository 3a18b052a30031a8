// From a sweep file to a plan: which experiments it stands for, in which order. Pure and deterministic: the same text gives the
// same plan everywhere, so a plan need not be kept, and a point is named by its number.
//
// A *setting* is one combination of values; a *point* is a setting with a seed, which is one run. Each setting is validated as
// if it were written out by hand before anything runs. A point's text is the file without its `sweep` section and with the
// values in their places; where the file has no aliases, comments and layout stay as they were.
//
// A mistake in a value is reported at the value; one that a combination makes is reported with the point. The same mistake in
// several settings is told once.

import type { Document } from 'yaml';
import { Document as NewDocument, isMap, isScalar, isSeq, visit } from 'yaml';
import { invariant } from '../core/invariant.ts';
import { RandomStream } from '../core/random.ts';
import { runKey } from './identity.ts';
import { DEFAULT_SWEEP_POINTS, MAX_SWEEP_FIELDS } from './limits.ts';
import { explain } from './messages.ts';
import { issueFindings, sorted, validateExperiment } from './parse.ts';
import type { ParseOptions, Problem } from './parse.ts';
import { describe } from './quantity.ts';
import type { Experiment } from './schema.ts';
import { sweepSchema } from './schema-sweep.ts';
import type { SweepSection } from './schema-sweep.ts';
import { pathText, readSource } from './source.ts';
import type { ExperimentSource, Finding, Path } from './source.ts';
import { sweptField } from './sweep-fields.ts';
import type { SweptField } from './sweep-fields.ts';
import { readRange, rangeSteps } from './sweep-values.ts';
import type { ReadRange } from './sweep-values.ts';

export type { SweptField } from './sweep-fields.ts';

export interface SweepPoint {
  /** From 1, in the order of the plan. */
  readonly number: number;
  /** Index of its setting. */
  readonly setting: number;
  readonly seed: number;
  /** See identity.ts; no two points of a plan have the same. */
  readonly key: string;
}

export interface SweepPlan {
  /** Of the experiment. */
  readonly name: string;
  readonly tags: readonly string[];
  readonly method: SweepSection['method'];
  readonly fields: readonly SweptField[];
  /** One value for each field, as it would be written in the file. */
  readonly settings: readonly (readonly unknown[])[];
  readonly seeds: readonly number[];
  /** Those that its points ask for. */
  readonly backends: ReadonlySet<Experiment['backend']>;
  readonly points: readonly SweepPoint[];
  /** Combinations left out because another one gives the same runs. */
  readonly repeated: number;
  /** The validated experiment of a point. */
  experiment(point: SweepPoint): Experiment;
  /** Its text: what parseExperiment reads as that experiment. */
  text(point: SweepPoint): string;
}

export type PlanResult =
  | { readonly ok: true; readonly plan: SweepPlan; readonly source: ExperimentSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface PlanOptions extends ParseOptions {
  /** More points than this are a problem. */
  readonly maxPoints?: number;
  /** How more would be allowed, where that is not --max-points of the command line. */
  readonly moreHint?: string;
}

/** Reads a sweep file. Never throws on any text. */
export function planSweep(text: string, options: PlanOptions): PlanResult {
  const read = readSource(text, options.fileName);
  if (!read.ok) return { ok: false, problems: read.problems };
  const { source } = read;
  const refuse = (findings: readonly Finding[]): PlanResult => ({
    ok: false,
    problems: sorted([...read.findings, ...findings].map((finding) => source.problem(finding))),
  });
  const value = source.value;
  if (!isGroup(value) || !('sweep' in value)) {
    const hint = 'For example:\nsweep: {fields: {migration.bandwidth: [1Gbit/s, 10Gbit/s]}, seeds: 3}';
    return refuse([{ path: [], message: "missing 'sweep': this file describes no sweep", hint }]);
  }
  const { sweep: written, ...base } = value;
  const section = readSection(written);
  if (!section.ok) return refuse(section.findings);
  const axes = readAxes(section.section, base);
  if (!axes.ok) return refuse(axes.findings);
  if (read.findings.length > 0) return refuse([]);
  const seeds = seedsOf(section.section, base);
  const limit = options.maxPoints ?? DEFAULT_SWEEP_POINTS;
  const size = sizeOf(section.section, axes.axes, seeds.length);
  if (size > limit) {
    const more = options.moreHint ?? 'Or allow more: --max-points N.';
    const hint = `Take fewer values, seeds or fields, or method: latin-hypercube. ${more}`;
    const message = `this is a plan of ${size.toLocaleString('en-US')} runs; at most ${limit.toLocaleString('en-US')} are allowed`;
    return refuse([{ path: ['sweep'], atKey: true, message, hint }]);
  }
  const combinations = section.section.method === 'grid' ? grid(axes.axes) : latinHypercube(axes.axes, section.section);
  return settle({ source, base, axes: axes.axes, combinations, seeds, method: section.section.method });
}

type Group = Readonly<Record<string, unknown>>;
const isGroup = (value: unknown): value is Group =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type SectionResult =
  { readonly ok: true; readonly section: SweepSection } | { readonly ok: false; readonly findings: readonly Finding[] };

function readSection(written: unknown): SectionResult {
  if (!isGroup(written)) {
    const message = `found ${describe(written)}, expected a group of fields such as fields and seeds`;
    return { ok: false, findings: [{ path: ['sweep'], atKey: true, message }] };
  }
  const result = sweepSchema.safeParse(written, { error: explain });
  const findings = result.success ? [] : result.error.issues.flatMap((issue) => issueFindings(issue, ['sweep']));
  if (!result.success) return { ok: false, findings };
  const { method, points, fields, seeds } = result.data;
  const names = Object.keys(fields);
  if (method === 'latin-hypercube' && points === undefined) {
    const hint = 'For example: points: 50';
    findings.push({ path: ['sweep'], atKey: true, message: "missing 'points': how many combinations to take", hint });
  }
  if (method === 'grid' && points !== undefined) {
    const hint = 'Leave it out, or write method: latin-hypercube.';
    findings.push({ path: ['sweep', 'points'], atKey: true, message: 'a grid takes every combination', hint });
  }
  if (names.length > MAX_SWEEP_FIELDS) {
    const message = `${names.length} fields are varied, at most ${MAX_SWEEP_FIELDS} are allowed`;
    findings.push({ path: ['sweep', 'fields'], atKey: true, message });
  }
  if (names.length === 0 && (seeds === undefined || seeds === 1)) {
    const hint = 'Name a field under `fields`, or ask for several `seeds`.';
    findings.push({ path: ['sweep'], atKey: true, message: 'nothing is varied', hint });
  }
  if (Array.isArray(seeds) && new Set(seeds).size < seeds.length) {
    findings.push({ path: ['sweep', 'seeds'], message: 'a seed stands here twice', hint: 'It would be the same run.' });
  }
  return findings.length > 0 ? { ok: false, findings } : { ok: true, section: result.data };
}

/** A field and the values it takes. */
interface Axis {
  readonly field: SweptField;
  readonly values: readonly unknown[] | ReadRange;
}

const isList = (values: Axis['values']): values is readonly unknown[] => Array.isArray(values);

type AxesResult =
  { readonly ok: true; readonly axes: readonly Axis[] } | { readonly ok: false; readonly findings: readonly Finding[] };

function readAxes({ fields, method }: SweepSection, base: Group): AxesResult {
  const findings: Finding[] = [];
  const axes: Axis[] = [];
  for (const [name, wanted] of Object.entries(fields)) {
    const at: Path = ['sweep', 'fields', name];
    const found = sweptField(name, base);
    if (!found.ok) {
      findings.push({ path: at, atKey: true, message: found.message, hint: found.hint });
      continue;
    }
    const { field } = found;
    const other = axes.find((axis) => isWithin(axis.field.path, field.path) || isWithin(field.path, axis.field.path));
    if (other !== undefined) {
      const same = other.field.path.length === field.path.length;
      const message = same ? `this is the same field as ${other.field.name}` : `this is part of ${other.field.name}`;
      findings.push({
        path: at,
        atKey: true,
        message: `${message}, which is varied, too`,
        hint: 'Keep one of the two.',
      });
      continue;
    }
    if (Array.isArray(wanted)) {
      axes.push({ field, values: wanted });
      continue;
    }
    const range = readRange(field, wanted);
    if (!('at' in range)) findings.push({ path: [...at, range.key], message: range.message, hint: range.hint });
    else if (method === 'grid' && wanted.steps === undefined) {
      const hint = 'For example: steps: 5';
      findings.push({ path: at, atKey: true, message: "missing 'steps': how many values of the range", hint });
    } else axes.push({ field, values: range });
  }
  return findings.length > 0 ? { ok: false, findings } : { ok: true, axes };
}

const isWithin = (outer: Path, inner: Path): boolean => outer.every((step, i) => inner[i] === step);

function seedsOf({ seeds }: SweepSection, base: Group): readonly number[] {
  if (Array.isArray(seeds)) return seeds;
  const own = base['seed'];
  // A seed that is none is reported by the validation of the settings.
  const first = typeof own === 'number' && Number.isSafeInteger(own) ? own : 1;
  return Array.from({ length: seeds ?? 1 }, (_, i) => (first + i) % 0x1_0000_0000);
}

function sizeOf({ method, points }: SweepSection, axes: readonly Axis[], seeds: number): number {
  if (method === 'latin-hypercube') return points! * seeds;
  return axes.reduce((size, { values }) => size * (isList(values) ? values.length : values.range.steps!), seeds);
}

/** Every combination; the last field varies fastest. */
function grid(axes: readonly Axis[]): unknown[][] {
  let settings: unknown[][] = [[]];
  for (const { values } of axes) {
    const all = isList(values) ? values : rangeSteps(values, values.range.steps!);
    settings = settings.flatMap((setting) => all.map((value) => [...setting, value]));
  }
  return settings;
}

/**
 * `points` combinations; of each field, each of `points` equal parts of its values occurs once. A field's part in it depends on
 * the plan's seed and its own name alone, so that another field does not shift it.
 */
function latinHypercube(axes: readonly Axis[], { points, seed }: SweepSection): unknown[][] {
  const count = points!;
  const columns = axes.map(({ field, values }) => {
    const stream = new RandomStream(seed, `sweep ${pathText(field.path)}`);
    const parts = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const other = stream.nextBelow(i + 1);
      [parts[i], parts[other]] = [parts[other]!, parts[i]!];
    }
    return parts.map((part) => valueAt(values, (part + stream.nextUnit()) / count));
  });
  return Array.from({ length: count }, (_, i) => columns.map((column) => column[i]));
}

function valueAt(values: Axis['values'], share: number): unknown {
  if (isList(values)) return values[Math.min(values.length - 1, Math.floor(share * values.length))];
  const { steps } = values.range;
  if (steps === undefined) return values.at(share);
  return values.at(Math.min(steps - 1, Math.floor(share * steps)) / (steps - 1));
}

interface Draft {
  readonly source: ExperimentSource;
  readonly base: Group;
  readonly axes: readonly Axis[];
  readonly combinations: readonly (readonly unknown[])[];
  readonly seeds: readonly number[];
  readonly method: SweepSection['method'];
}

/** Validates every setting, and names the points. */
function settle(draft: Draft): PlanResult {
  const { source, base, axes, combinations, seeds } = draft;
  const fields = axes.map(({ field }) => field);
  const mistakes = new Mistakes(draft);
  const settings: (readonly unknown[])[] = [];
  const points: SweepPoint[] = [];
  const known = new Set<string>();
  const backends = new Set<Experiment['backend']>();
  let repeated = 0;
  let first: Experiment | undefined;
  for (const [index, values] of combinations.entries()) {
    const made = valueOf(base, fields, values);
    const checked = validateExperiment(made);
    if (!checked.ok) {
      mistakes.add(index, values, checked.findings);
      continue;
    }
    first ??= checked.experiment;
    backends.add(checked.experiment.backend);
    const keys = seeds.map((seed) => runKey(checked.experiment, seed));
    if (known.has(keys[0]!)) {
      repeated++;
      continue;
    }
    for (const [i, seed] of seeds.entries()) {
      known.add(keys[i]!);
      points.push({ number: points.length + 1, setting: settings.length, seed, key: keys[i]! });
    }
    settings.push(values);
  }
  if (mistakes.settings > 0) return { ok: false, problems: sorted(mistakes.problems()) };
  invariant(first !== undefined, 'a plan has a point');
  const experiment = ({ setting, seed }: SweepPoint): Experiment => {
    const checked = validateExperiment(valueOf(base, fields, settings[setting]!));
    invariant(checked.ok, 'a setting that was valid stays valid');
    return { ...checked.experiment, seed };
  };
  const text = ({ setting, seed }: SweepPoint): string => textOf(source, base, fields, settings[setting]!, seed);
  const { name, tags } = first;
  const plan = {
    name,
    tags,
    method: draft.method,
    fields,
    settings,
    seeds,
    backends,
    points,
    repeated,
    experiment,
    text,
  };
  return { ok: true, source, plan };
}

/** `bandwidth 10Gbit/s, rate 5000 pages/s`: a setting in a few words. */
export function settingText(fields: readonly Pick<SweptField, 'name'>[], values: readonly unknown[]): string {
  return fields.map(({ name }, i) => `${lastStep(name)} ${valueText(values[i])}`).join(', ');
}

const lastStep = (name: string): string => /[^.]+$/u.exec(name)?.[0] ?? name;

/** A value of a sweep in a few words; groups as short JSON. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Mistakes of settings, each told once, at the place where it can be put right. */
class Mistakes {
  settings = 0;
  readonly #draft: Draft;
  readonly #found = new Map<string, { readonly finding: Finding; others: number }>();
  /** What is wrong already without the sweep: no point need be named for it. */
  readonly #ofBase: ReadonlySet<string>;

  constructor(draft: Draft) {
    this.#draft = draft;
    const base = validateExperiment(draft.base);
    this.#ofBase = new Set(base.ok ? [] : base.findings.map(nameOf));
  }

  add(index: number, values: readonly unknown[], findings: readonly Finding[]): void {
    this.settings++;
    for (const finding of findings) {
      const placed = this.#place(index, values, finding);
      const name = nameOf({ ...placed, message: finding.message });
      const known = this.#found.get(name);
      if (known === undefined) this.#found.set(name, { finding: placed, others: 0 });
      else known.others++;
    }
  }

  problems(): Problem[] {
    return [...this.#found.values()].map(({ finding, others }) => {
      const more = others === 0 || !finding.message.startsWith('point ') ? '' : ` (and ${others} more like this)`;
      return this.#draft.source.problem({ ...finding, message: finding.message + more });
    });
  }

  #place(index: number, values: readonly unknown[], finding: Finding): Finding {
    if (this.#ofBase.has(nameOf(finding))) return finding;
    const { axes, seeds } = this.#draft;
    const fields = axes.map(({ field }) => field);
    const point = index * seeds.length + 1;
    const message = `point ${point} (${settingText(fields, values)}): ${finding.message}`;
    const axis = axes.findIndex(
      ({ field }) => isWithin(field.path, finding.path) || isWithin(finding.path, field.path),
    );
    if (axis < 0) return { ...finding, message };
    const { field, values: allowed } = axes[axis]!;
    const at: Path = ['sweep', 'fields', field.name];
    const place = isList(allowed) ? [...at, allowed.indexOf(values[axis])] : at;
    return {
      path: place,
      atKey: !isList(allowed),
      message,
      ...(finding.hint === undefined ? {} : { hint: finding.hint }),
    };
  }
}

const nameOf = ({ path, message }: Finding): string => `${pathText(path)}\n${message}`;

/** The experiment with the values in their places; shares with `base` what is not changed. */
function valueOf(base: Group, fields: readonly SweptField[], values: readonly unknown[]): Group {
  return fields.reduce<unknown>((value, { path }, i) => withValue(value, path, values[i]), base) as Group;
}

function withValue(value: unknown, [step, ...rest]: Path, wanted: unknown): unknown {
  if (step === undefined) return wanted;
  if (Array.isArray(value)) return value.map((item: unknown, i) => (i === step ? withValue(item, rest, wanted) : item));
  // `true` of a switch stands for its group of fields; a group that is not there yet begins empty.
  const group: Group = isGroup(value) ? value : typeof value === 'boolean' ? { enabled: value } : {};
  return { ...group, [step]: withValue(group[step], rest, wanted) };
}

function textOf(
  source: ExperimentSource,
  base: Group,
  fields: readonly SweptField[],
  values: readonly unknown[],
  seed: number,
): string {
  // An alias repeats what another place says: changed in one of the two, both would have to be written out.
  if (hasAliases(source.document)) {
    return new NewDocument({ ...valueOf(base, fields, values), seed }).toString({ lineWidth: 0 });
  }
  const document = source.document.clone();
  document.delete('sweep');
  for (const [i, { path }] of fields.entries()) place(document, path, values[i]);
  if (document.get('seed') !== seed) document.set('seed', seed);
  return document.toString({ lineWidth: 0 });
}

function hasAliases(document: Document.Parsed): boolean {
  let found = false;
  visit(document, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

function place(document: Document, path: Path, value: unknown): void {
  for (let length = 1; length < path.length; length++) {
    const prefix = path.slice(0, length);
    const node = document.getIn(prefix, true);
    if (isMap(node) || isSeq(node)) continue;
    const was = isScalar(node) ? node.value : undefined;
    document.setIn(prefix, document.createNode(typeof was === 'boolean' ? { enabled: was } : {}));
  }
  document.setIn(path, document.createNode(value));
}
