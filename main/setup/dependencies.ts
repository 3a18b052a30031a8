// The dependency rule as a check that cannot pass by seeing nothing: every source file on disk must be among the modules
// that the tool read, and a tree of planted violations must be caught, each by the rule that forbids it.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** What is read of dependency-cruiser's JSON. */
interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

/** Runs the tool with these arguments in this folder and resolves with its standard output. */
export type RunCruise = (args: readonly string[], cwd: string) => Promise<string>;

const SOURCES = ['engine', 'main', 'renderer', 'test'];
const SOURCE_FILE = /\.(ts|js|svelte)$/;

/** The planted violations under test/main/planted: importing file → rule that must catch it. */
export const PLANTED: Readonly<Record<string, string>> = {
  'engine/core/climbs.ts': 'engine: core must not import a higher row',
  'engine/core/touchesNode.ts': 'engine is pure',
  'engine/kvm/readsOracle.ts': 'nothing that tracks reads the oracle',
  'main/knowsRenderer.ts': 'main does not reach into the renderer',
  'renderer/knowsHost.ts': 'renderer sees only the contract',
  'renderer/usesEngine.ts': 'renderer takes engine types only',
};

/** Resolves with the number of modules seen; throws with the list of violations. */
export async function checkDependencies(root: string, run: RunCruise): Promise<string> {
  const config = join(root, '.dependency-cruiser.cjs');
  const cruise = async (folders: readonly string[], cwd: string): Promise<Cruise> =>
    JSON.parse(await run([...folders, '--config', config, '--output-type', 'json'], cwd)) as Cruise;

  const folders = SOURCES.filter((folder) => existsSync(join(root, folder)));
  const real = await cruise(folders, root);
  if (real.summary.violations.length > 0) {
    throw new Error(real.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`).join('\n'));
  }
  const seen = new Set(real.modules.map(({ source }) => source));
  const unseen = folders.flatMap((folder) => sourceFiles(root, folder)).filter((file) => !seen.has(file));
  if (unseen.length > 0) throw new Error(`the dependency tool did not read: ${unseen.join(', ')}`);

  const planted = await cruise(['engine', 'main', 'renderer'], join(root, 'test', 'main', 'planted'));
  for (const [file, rule] of Object.entries(PLANTED)) {
    const caught = planted.summary.violations.some(
      (violation) => violation.from === file && violation.rule.name === rule,
    );
    if (!caught) throw new Error(`the planted violation ${file} was not caught by "${rule}"`);
  }
  return `${real.summary.totalCruised} modules, ${Object.keys(PLANTED).length} planted violations caught`;
}

function sourceFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && SOURCE_FILE.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.includes('/planted/'));
}
