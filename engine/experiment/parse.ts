// From an experiment file's text to a validated experiment, or to all its problems at once, sorted by position.
//
// Each section is validated alone, so that one mistake does not hide another; checks across sections run as soon as
// the sections they read are valid. Source of the rules: the schema's fields and checks*.ts.

import type * as z from 'zod';
import { runChecks } from './checks.ts';
import { MAX_PROBLEMS } from './limits.ts';
import { explain, unknownKey } from './messages.ts';
import { describe } from './quantity.ts';
import { resolve } from './resolve.ts';
import { experimentSchema } from './schema.ts';
import type { Experiment, ParsedExperiment, SectionName } from './schema.ts';
import { pathText, readSource } from './source.ts';
import type { ExperimentSource, Finding, Path, Problem } from './source.ts';

export type { Problem } from './source.ts';

export type ParseResult =
  | { readonly ok: true; readonly experiment: Experiment; readonly source: ExperimentSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseOptions {
  /** As it shall stand in messages. */
  readonly fileName: string;
}

/** Reads an experiment from YAML or JSON. Never throws on any text. */
export function parseExperiment(text: string, { fileName }: ParseOptions): ParseResult {
  const read = readSource(text, fileName);
  if (!read.ok) return { ok: false, problems: read.problems };
  const { source } = read;
  const checked = validateExperiment(source.value);
  if (checked.ok && read.findings.length === 0) return { ok: true, experiment: checked.experiment, source };
  // What could not be read is null to the schema, which need not be said twice.
  const unread = new Set(read.findings.map(({ path }) => pathText(path)));
  const further = checked.ok ? [] : checked.findings.filter(({ path }) => !unread.has(pathText(path)));
  const findings = [...read.findings, ...further];
  return { ok: false, problems: sorted(findings.map((finding) => source.problem(finding))) };
}

export type ValidateResult =
  | { readonly ok: true; readonly experiment: Experiment }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** Validates an experiment that a program put together (`ExperimentInput`); problems have paths but no positions. */
export function validateExperiment(value: unknown): ValidateResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message = `found ${describe(value)}, expected a group of fields such as name and guest`;
    return { ok: false, findings: [{ path: [], message, hint: 'For example: {name: First, guest: {memory: 1GiB}}' }] };
  }
  const input = value as Readonly<Record<string, unknown>>;
  const findings: Finding[] = [];
  const allowed = Object.keys(experimentSchema.shape) as SectionName[];
  for (const key of Object.keys(input)) {
    if (allowed.includes(key as SectionName)) continue;
    if (key === 'sweep') {
      findings.push({
        path: [key],
        atKey: true,
        message: 'this file describes a sweep, not a single run',
        hint: '`brownout sweep FILE` runs it; without this section it is an experiment.',
      });
      continue;
    }
    findings.push({ path: [key], atKey: true, ...split(unknownKey(key, allowed)) });
  }
  const parsed: Partial<Record<SectionName, unknown>> = {};
  for (const name of allowed) {
    if (name in input && input[name] === null) {
      findings.push({
        path: [name],
        atKey: true,
        message: `nothing stands under '${name}'`,
        hint: 'Fill it or remove the key.',
      });
      continue;
    }
    const schema: z.ZodType = experimentSchema.shape[name];
    const result = schema.safeParse(input[name], { error: explain });
    if (result.success) parsed[name] = result.data;
    else findings.push(...result.error.issues.flatMap((issue) => issueFindings(issue, [name])));
  }
  runChecks(parsed as Partial<ParsedExperiment>, input, (finding) => findings.push(finding));
  if (findings.length > 0) return { ok: false, findings };
  return { ok: true, experiment: resolve(parsed as ParsedExperiment) };
}

/** One issue of zod as findings; inside a switch or other union, those of the branch that was meant. */
export function issueFindings(issue: z.core.$ZodIssue, prefix: Path): Finding[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\u0000');
    return issue.keys.map((key, i) => ({ path: [...path, key], atKey: true, ...split(messages[i] ?? issue.message) }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const meant = issue.errors.find(
      (branch) =>
        branch.some(({ path: inner }) => inner.length > 0) || branch.some(({ code }) => code === 'unrecognized_keys'),
    );
    if (meant) return meant.flatMap((inner) => issueFindings(inner, path));
  }
  const text = split(issue.message);
  const last = path.at(-1);
  if (text.message.startsWith('missing:') && typeof last === 'string') {
    return [
      {
        path,
        message: `missing '${last}'${text.message.slice('missing'.length)}`,
        ...(text.hint === '' ? {} : { hint: text.hint }),
      },
    ];
  }
  return [{ path, ...text }];
}

function split(text: string): { message: string; hint: string } {
  const end = text.indexOf('\n');
  return end < 0 ? { message: text, hint: '' } : { message: text.slice(0, end), hint: text.slice(end + 1) };
}

export function sorted(problems: readonly Problem[]): Problem[] {
  const ordered = [...problems].sort((a, b) => a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : 1));
  if (ordered.length <= MAX_PROBLEMS) return ordered;
  const rest = ordered.length - MAX_PROBLEMS;
  const last = ordered[MAX_PROBLEMS - 1]!;
  const more = { ...last, message: `${last.message} (and ${rest} more problems after this one)` };
  return [...ordered.slice(0, MAX_PROBLEMS - 1), more];
}
