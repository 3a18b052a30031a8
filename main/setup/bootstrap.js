// What `npm start`, `npm run build`, `npm test`, `npm run bench` and `npm run screenshots` call. Everything else follows from a fresh clone; see launch.js.
import path from 'path';
import { fileURLToPath } from 'url';
import { launch } from './launch.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/** @type {Record<string, string>} */
const scripts = {
  start: 'main/setup/start.ts',
  build: 'main/setup/build.ts',
  test: 'main/setup/test.ts',
  bench: 'test/bench/run.ts',
  screenshots: 'test/e2e/screenshots.ts',
};

const name = process.argv[2] || '';
const script = scripts[name];
if (script === undefined) {
  console.error('usage: node main/setup/bootstrap.js ' + Object.keys(scripts).join('|'));
  process.exitCode = 2;
} else {
  launch(root, script, process.argv.slice(3)).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
