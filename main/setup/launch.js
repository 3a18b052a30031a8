// Brings a clone to the point where its TypeScript can run: installs what is missing, then goes on in this process or in the
// bundled Node. Both entry points (npm scripts, the `brownout` command) come through here. Uses Node built-ins only.
import { spawn } from 'child_process';
import fs from 'fs';
import module from 'module';
import path from 'path';
import { pathToFileURL } from 'url';
import { bundledNode, planStart } from './decide.js';
import { bundledBinary, install, missingPackage, npmCommand } from './install.js';

/**
 * Runs `script` (a TypeScript module that reads process.argv itself) with a Node that can, and everything it needs installed.
 * @param {string} root the clone, or the installed package
 * @param {string} script path from the root
 * @param {string[]} args
 * @returns {Promise<void>} resolves when the script was loaded, or when its process has ended
 */
export async function launch(root, script, args) {
  const bundled = bundledNode(process.platform, process.arch);
  // An installed package has no lock file beside it: whoever installed it answers for its dependencies.
  const isClone = fs.existsSync(path.join(root, 'package-lock.json'));
  const plan = planStart({
    node: process.versions.node,
    napi: process.versions.napi,
    platform: process.platform,
    arch: process.arch,
    loader: bundled !== undefined && (bundled.loader === '' || fs.existsSync(bundled.loader)),
    modules: isClone && missingPackage(root) !== undefined ? 'incomplete' : 'complete',
    npm: npmCommand() !== undefined,
  });
  if (plan.action === 'stop') return fail(plan.sentence);
  if (plan.install) {
    const missing = await install(root, (line) => {
      console.error(line);
    });
    if (missing !== undefined) {
      return fail(
        'Brownout could not install its packages (missing: ' +
          missing +
          '): see what npm says above, check the network and the free disk space, and run the command again.',
      );
    }
  }
  keepCompiled(root);
  if (plan.node === 'this') return runHere(root, script, args);
  const node = bundledBinary(root);
  if (node === undefined) {
    return fail(
      'Brownout needs Node.js 22.18 or newer, this is Node.js ' +
        process.versions.node +
        ', and the bundled one is not in node_modules: install Node.js 24 from https://nodejs.org/ and run the command again.',
    );
  }
  return runWith(node, root, script, args);
}

/**
 * @param {string} root
 * @param {string} script
 * @param {string[]} args
 */
async function runHere(root, script, args) {
  const file = path.join(root, script);
  process.argv = [process.argv[0] || 'node', file].concat(args);
  silenceTypeStripping();
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import(pathToFileURL(file).href);
}

/**
 * Hundreds of TypeScript files are stripped and compiled at every start, half of the time of a short command: Node keeps the
 * outcome, by contents, beside the packages. (Its own choice, the folder of temporary files, is open to other users.) Processes
 * and threads that are started from here find it by the variable.
 * @param {string} root
 */
function keepCompiled(root) {
  const packages = path.join(root, 'node_modules');
  if (process.env.NODE_COMPILE_CACHE !== undefined || !fs.existsSync(packages)) return;
  process.env.NODE_COMPILE_CACHE = path.join(packages, '.cache', 'node');
}

/** Node 22 warns that type stripping is experimental whenever it meets the first TypeScript file: noise for our users. */
function silenceTypeStripping() {
  const emit = process.emitWarning;
  process.emitWarning = /** @type {typeof process.emitWarning} */ (
    /** @param {...unknown} args */
    function (...args) {
      if (/Type Stripping/.test(String(args[0]))) return;
      Reflect.apply(emit, process, args);
    }
  );
}

/**
 * @param {string} node
 * @param {string} root
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function runWith(node, root, script, args) {
  const child = spawn(node, [path.join(root, script)].concat(args), {
    // The channel tells the child when we are killed and cannot tell it ourselves.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: withNodeFirst(node),
  });
  // The child decides what they mean, we wait for it. Ctrl-C in a terminal reaches it twice; it takes that as once.
  /** @type {('SIGINT' | 'SIGTERM' | 'SIGHUP')[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP']).forEach((signal) => {
    process.on(signal, () => child.kill(signal));
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      resolve(
        fail(
          'Brownout could not start the bundled Node.js (' +
            error.message +
            '): install Node.js 24 from https://nodejs.org/ and run the command again.',
        ),
      );
    });
    child.on('close', (code, signal) => {
      if (signal !== null) process.removeAllListeners(signal);
      if (signal !== null) process.kill(process.pid, signal);
      else process.exitCode = code === null ? 1 : code;
      resolve();
    });
  });
}

/**
 * Tools that the script starts by `#!/usr/bin/env node` get the good Node too.
 * @param {string} node
 */
function withNodeFirst(node) {
  return Object.assign({}, process.env, { PATH: path.dirname(node) + path.delimiter + (process.env.PATH || '') });
}

/** @param {string} sentence */
function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}
