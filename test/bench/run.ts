// node test/bench/run.ts [--only NAME] [--rounds N] [FILE…]
//
// Runs every bench of test/bench/*.bench.ts (or of the files given) and prints one JSON document; progress goes to standard error.
// --only: benches whose name contains NAME. --rounds: that many measured rounds and no warm-up (to try the checks).
// Exit code: 1 when a check value differs from the baseline's or a program fails. A missed goal is reported, not an exit code:
// it may be the machine's. 2 for wrong arguments.
import { readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { buildBaseline, compilerVersion } from './baseline.ts';
import type { Bench } from './bench.ts';
import { RoundProgram } from './rounds.ts';

interface Result {
  readonly name: string;
  readonly unit: string;
  readonly better: Bench['better'];
  readonly value: number;
  /** Lowest and highest of the rounds. */
  readonly range: readonly [number, number];
  readonly baseline?: number;
  readonly ratio?: number;
  readonly checkValue?: string;
  readonly extra?: Readonly<Record<string, number>>;
  readonly goal?: Bench['goal'];
  readonly met?: boolean;
}

const ROUNDS = 11;
const WARM_UP = 3;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

async function measure(file: string, bench: Bench, roundsAsked: number | undefined): Promise<Result> {
  const flags = bench.nodeFlags ?? [];
  const ours = new RoundProgram(
    process.execPath,
    [...flags, path.join(import.meta.dirname, 'child.ts'), file, bench.name],
    bench.name,
  );
  const program = bench.baseline === undefined ? null : buildBaseline(bench.baseline.source);
  const baseline =
    program === null
      ? null
      : new RoundProgram(program, (bench.baseline?.args ?? []).map(String), `${bench.name}: baseline`);
  const values: number[] = [];
  const baselineValues: number[] = [];
  const extras = new Map<string, number[]>();
  let checkValue: string | undefined;
  try {
    await ours.ready();
    await baseline?.ready();
    const warmUp = roundsAsked === undefined ? (bench.warmUp ?? WARM_UP) : 0;
    const rounds = roundsAsked ?? bench.rounds ?? ROUNDS;
    for (let i = -warmUp; i < rounds; i++) {
      const theirs = await baseline?.round();
      const mine = await ours.round();
      if (theirs !== undefined && theirs.check !== mine.check) {
        throw new Error(`${bench.name}: check value ${String(mine.check)}, the baseline's is ${String(theirs.check)}`);
      }
      checkValue = mine.check;
      if (i < 0) continue;
      values.push(mine.value);
      if (theirs !== undefined) baselineValues.push(theirs.value);
      for (const [name, value] of Object.entries(mine.extra ?? {})) {
        const list = extras.get(name);
        if (list === undefined) extras.set(name, [value]);
        else list.push(value);
      }
    }
  } finally {
    await ours.stop();
    await baseline?.stop();
  }
  const value = median(values);
  const base = baselineValues.length === 0 ? undefined : median(baselineValues);
  const ratio = base === undefined ? undefined : value / base;
  const met = bench.goal === undefined ? undefined : meets(bench.goal, value, ratio);
  return {
    name: bench.name,
    unit: bench.unit,
    better: bench.better,
    value: rounded(value),
    range: [rounded(Math.min(...values)), rounded(Math.max(...values))],
    ...(base !== undefined && { baseline: rounded(base) }),
    ...(ratio !== undefined && { ratio: rounded(ratio) }),
    ...(checkValue !== undefined && { checkValue }),
    ...(extras.size > 0 && {
      extra: Object.fromEntries([...extras].map(([name, list]) => [name, rounded(median(list))])),
    }),
    ...(bench.goal !== undefined && { goal: bench.goal }),
    ...(met !== undefined && { met }),
  };
}

/** Undefined where the goal is a ratio and there was no baseline. */
function meets(goal: NonNullable<Bench['goal']>, value: number, ratio: number | undefined): boolean | undefined {
  if (goal.max !== undefined && value > goal.max) return false;
  if (goal.min !== undefined && value < goal.min) return false;
  if (goal.ratioMax === undefined && goal.ratioMin === undefined) return true;
  if (ratio === undefined) return undefined;
  return (
    (goal.ratioMax === undefined || ratio <= goal.ratioMax) && (goal.ratioMin === undefined || ratio >= goal.ratioMin)
  );
}

function describe(result: Result): string {
  const parts = [`${result.name}: ${result.value} ${result.unit}`];
  if (result.baseline !== undefined) parts.push(`baseline ${result.baseline}`, `ratio ${String(result.ratio)}`);
  for (const [name, value] of Object.entries(result.extra ?? {})) parts.push(`${name} ${value}`);
  if (result.goal !== undefined) {
    const goal = Object.entries(result.goal).map(([name, value]) => `${name} ${value}`);
    parts.push(`goal ${goal.join(', ')}: ${result.met === undefined ? 'no baseline' : result.met ? 'met' : 'MISSED'}`);
  }
  return parts.join(', ');
}

async function main(): Promise<number> {
  let options;
  try {
    options = parseArgs({
      options: { only: { type: 'string' }, rounds: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const { only, rounds: roundsText } = options.values;
  const rounds = roundsText === undefined ? undefined : Number(roundsText);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1)) {
    process.stderr.write('--rounds takes a whole number, 1 or more\n');
    return 2;
  }
  const files =
    options.positionals.length > 0
      ? options.positionals.map((file) => path.resolve(file))
      : readdirSync(import.meta.dirname)
          .filter((file) => file.endsWith('.bench.ts'))
          .sort((a, b) => (a < b ? -1 : 1))
          .map((file) => path.join(import.meta.dirname, file));
  const compilers = { cc: compilerVersion('cc'), 'c++': compilerVersion('c++') };
  for (const [name, version] of Object.entries(compilers)) {
    if (version === null) process.stderr.write(`no ${name} here: figures without a baseline\n`);
  }
  const results: Result[] = [];
  const failures: string[] = [];
  const skipped: { readonly name: string; readonly why: string }[] = [];
  for (const file of files) {
    const { benches } = (await import(pathToFileURL(file).href)) as { benches: readonly Bench[] };
    for (const bench of benches) {
      if (only !== undefined && !bench.name.includes(only)) continue;
      const why = bench.skip?.();
      if (why !== undefined) {
        skipped.push({ name: bench.name, why });
        process.stderr.write(`SKIPPED ${bench.name}: ${why}\n`);
        continue;
      }
      try {
        const result = await measure(file, bench, rounds);
        results.push(result);
        process.stderr.write(`${describe(result)}\n`);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        failures.push(message);
        process.stderr.write(`FAILED ${message}\n`);
      }
    }
  }
  if (results.length + failures.length + skipped.length === 0) {
    process.stderr.write(`no bench is called like ${JSON.stringify(only)}\n`);
    return 2;
  }
  const machine = {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cpus: os.cpus().length,
    memoryGiB: rounded(os.totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    compilers,
  };
  process.stdout.write(`${JSON.stringify({ machine, results, skipped, failures }, null, 2)}\n`);
  return failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
