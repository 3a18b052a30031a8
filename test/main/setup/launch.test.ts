// What a start leaves behind for the next one.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { aFolder } from '../aFolder.ts';
import { ROOT } from '../cli/brownout.ts';

const LAUNCH = pathToFileURL(join(ROOT, 'main', 'setup', 'launch.js')).href;

function started(root: string, env: NodeJS.ProcessEnv): string {
  const program = `import(${JSON.stringify(LAUNCH)}).then(({ launch }) => launch(${JSON.stringify(root)}, 'say.ts', ['x']))`;
  return execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', env });
}

function aPackage(): string {
  const root = aFolder();
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'say.ts'), 'const said: string = process.argv[2]!;\nconsole.log(said);\n');
  return root;
}

const ENV = { ...process.env };
delete ENV['NODE_COMPILE_CACHE'];

it('keeps what was compiled beside the packages, for processes and threads of the start too', () => {
  const root = aPackage();
  expect(started(root, ENV)).toBe('x\n');
  const [kept] = readdirSync(join(root, 'node_modules', '.cache', 'node'));
  expect(readdirSync(join(root, 'node_modules', '.cache', 'node', kept!))).not.toHaveLength(0);
  expect(started(root, ENV)).toBe('x\n');
  writeFileSync(join(root, 'say.ts'), 'console.log(process.env.NODE_COMPILE_CACHE as string);\n');
  expect(started(root, ENV)).toBe(`${join(root, 'node_modules', '.cache', 'node')}\n`);
});

it('keeps it where the caller says', () => {
  const root = aPackage();
  const folder = aFolder();
  expect(started(root, { ...ENV, NODE_COMPILE_CACHE: folder })).toBe('x\n');
  expect(readdirSync(folder)).not.toHaveLength(0);
  expect(readdirSync(join(root, 'node_modules'))).toEqual([]);
});
