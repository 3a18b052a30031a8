#!/usr/bin/env node
// The `brownout` command: sees to a Node that can run it, then hands over to main.ts.
import path from 'path';
import { fileURLToPath } from 'url';
import { launch } from '../setup/launch.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

launch(root, 'main/cli/main.ts', process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
