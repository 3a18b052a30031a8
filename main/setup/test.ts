// `npm test`: every check there is, in one go, and a last line with true sums.
//
// The static checks (format, lint, types, dependency rule) count as one test each; the suites count test by test. Nothing
// stops at the first failure: one run tells everything that is wrong. Arguments select suites by path, as vitest does.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkDependencies } from './dependencies.ts';
import type { SuiteResult } from './vitestReporter.ts';

const root = resolve(import.meta.dirname, '..', '..');

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface ToolOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Lets it speak to our output itself, instead of catching what it says. */
  readonly speaks?: boolean;
}

/** Runs an npm package's command (`typescript:tsc` where its name is another) with this Node. */
function runTool(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<Finished> {
  const { cwd = root, env = {}, speaks = false } = options;
  return new Promise((done) => {
    const child = spawn(process.execPath, [toolScript(tool), ...args], {
      cwd,
      env: { ...process.env, ...(speaks && process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...env },
      stdio: speaks ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => {
      done({ code: 127, stdout, stderr: String(error) });
    });
    child.on('close', (code) => {
      done({ code: code ?? 1, stdout, stderr });
    });
  });
}

function toolScript(tool: string): string {
  const [packageName, command] = tool.includes(':') ? tool.split(':') : [tool, tool];
  const folder = join(root, 'node_modules', packageName ?? tool);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const script = typeof bin === 'string' ? bin : bin[command ?? tool];
  if (script === undefined) throw new Error(`${tool} has no command`);
  return join(folder, script);
}

interface Check {
  readonly name: string;
  /** Resolves with a note for the report; throws with everything the reader needs to mend it. */
  run(): Promise<string>;
}

/** More of them at once would ask for more memory than a small machine has. */
const CHECKS_AT_ONCE = Math.min(2, availableParallelism());

function toolCheck(name: string, tool: string, args: readonly string[]): Check {
  return {
    name,
    run: async () => {
      const { code, stdout, stderr } = await runTool(tool, args);
      if (code !== 0) throw new Error(`${stdout}\n${stderr}`.trim());
      return '';
    },
  };
}

/** The longest first: they run side by side, and what begins last should end soon. */
const checks: readonly Check[] = [
  toolCheck('lint', 'eslint', ['.']),
  toolCheck('types of the window', 'svelte-check', ['--tsconfig', 'renderer/tsconfig.json', '--threshold', 'warning']),
  toolCheck('types of everything', 'typescript:tsc', ['-p', '.']),
  toolCheck('types of the engine', 'typescript:tsc', ['-p', 'engine']),
  toolCheck('types of the contract', 'typescript:tsc', ['-p', 'main/contract']),
  toolCheck('types of the window’s tests', 'typescript:tsc', ['-p', 'test/renderer']),
  toolCheck('types of the end-to-end tests', 'typescript:tsc', ['-p', 'test/e2e']),
  toolCheck('format', 'prettier', ['--check', '.', '--log-level', 'warn']),
  {
    name: 'dependency rule',
    run: () => checkDependencies(root, cruise),
  },
];

async function cruise(args: readonly string[], cwd: string): Promise<string> {
  // The exit code tells the number of violations; what could not be read at all goes to standard error.
  const { stdout, stderr } = await runTool('dependency-cruiser:depcruise', args, { cwd });
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/** Every commit explores afresh, and yet can be repeated. */
function seedOfCommit(): number {
  const { stdout, status } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? Number.parseInt(stdout.slice(0, 7), 16) : 1;
}

async function runSuites(filters: readonly string[], seed: string): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-test-'));
  const file = join(folder, 'result.json');
  try {
    const reporters = ['--reporter=dot', '--reporter=./main/setup/vitestReporter.ts'];
    const { code } = await runTool('vitest', ['run', ...reporters, ...filters], {
      env: { BROWNOUT_TEST_RESULT: file, BROWNOUT_TEST_SEED: seed },
      speaks: true,
    });
    let result: SuiteResult;
    try {
      result = JSON.parse(readFileSync(file, 'utf8')) as SuiteResult;
    } catch {
      return {
        passed: 0,
        failed: 1,
        skipped: [],
        problems: [`vitest ended with exit code ${code} before it could report`],
      };
    }
    // vitest fails for reasons of its own, too (an error outside any test): never report success over them.
    if (code !== 0 && result.failed === 0) {
      return { ...result, failed: 1, problems: [...result.problems, `vitest ended with exit code ${code}`] };
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const started = Date.now();
let passed = 0;
let failed = 0;
const problems: string[] = [];
console.log(`Node.js ${process.versions.node} on ${process.platform} ${process.arch}`);
const waiting = [...checks];
await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, runChecks));

const seed = process.env['BROWNOUT_TEST_SEED'] ?? String(seedOfCommit());
console.log(`property tests begin with BROWNOUT_TEST_SEED=${seed}`);
const suites = await runSuites(process.argv.slice(2), seed);
passed += suites.passed;
failed += suites.failed;
problems.push(...suites.problems);

if (suites.skipped.length > 0) {
  console.log('\nSkipped:');
  for (const { name, why } of suites.skipped) console.log(`  ${name}\n    ${why === '' ? 'no reason given' : why}`);
}
if (problems.length > 0) {
  console.log('\nFailed:');
  for (const problem of problems) console.log(`  ${problem}`);
}
console.log(`\ntook ${seconds(started)}`);
console.log(`${passed} passed, ${failed} failed, ${suites.skipped.length} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function runChecks(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) await runCheck(check);
}

async function runCheck(check: Check): Promise<void> {
  const from = Date.now();
  try {
    const note = await check.run();
    passed++;
    console.log(`ok      ${check.name}${note === '' ? '' : `: ${note}`} (${seconds(from)})`);
  } catch (error) {
    failed++;
    problems.push(check.name);
    console.log(`FAILED  ${check.name} (${seconds(from)})\n${error instanceof Error ? error.message : String(error)}`);
  }
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
