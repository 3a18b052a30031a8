// Baselines: small C and C++ programs, compiled once per source with `cc -O2` / `c++ -O2` into .cache/bench.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';

const sources = path.join(import.meta.dirname, 'baseline');
const cache = path.join(import.meta.dirname, '..', '..', '.cache', 'bench');

const versions = new Map<string, string | null>();

/** First line of the compiler's version, or null where there is none. */
export function compilerVersion(compiler: 'cc' | 'c++'): string | null {
  const known = versions.get(compiler);
  if (known !== undefined) return known;
  let version: string | null = null;
  try {
    const output = execFileSync(compiler, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    version = output.split('\n')[0] ?? '';
  } catch {
    // No such compiler: figures are printed without a ratio.
  }
  versions.set(compiler, version);
  return version;
}

/** The program built from `source`, or null where there is no compiler. A source that does not compile is an error. */
export function buildBaseline(source: string): string | null {
  const compiler = source.endsWith('.c') ? 'cc' : 'c++';
  const version = compilerVersion(compiler);
  if (version === null) return null;
  const file = path.join(sources, source);
  const hash = createHash('sha256');
  hash
    .update(version)
    .update(readFileSync(path.join(sources, 'bench.h')))
    .update(readFileSync(file));
  const program = path.join(cache, `${path.parse(source).name}-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(program)) {
    mkdirSync(cache, { recursive: true });
    const unfinished = `${program}.${process.pid}`;
    execFileSync(compiler, ['-O2', '-Wall', '-o', unfinished, file], { stdio: ['ignore', 'inherit', 'inherit'] });
    renameSync(unfinished, program);
  }
  return program;
}
