import { describe, expect, it } from 'vitest';
import { firstMissing, isGoodNode, planStart, type Facts } from '../../../main/setup/decide.js';

const linux = { platform: 'linux', arch: 'x64', loader: true, npm: true } as const;
const mac = { platform: 'darwin', arch: 'arm64', loader: false, npm: true } as const;
const node20 = { node: '20.20.2', napi: '9' };
const node22 = { node: '22.23.3', napi: '10' };
const node24 = { node: '24.21.0', napi: '10' };

const plan = (facts: Facts): string => {
  const result = planStart(facts);
  return result.action === 'stop' ? `stop: ${result.sentence}` : `${result.install ? 'install, ' : ''}${result.node}`;
};

describe('which Node can run Brownout', () => {
  it.each([
    ['12.22.12', '8', false],
    ['18.20.8', '9', false],
    ['20.20.2', '9', false],
    ['22.12.0', '9', false],
    ['22.17.1', '10', false],
    ['22.18.0', '10', true],
    ['22.23.3', '10', true],
    ['23.5.0', '10', false],
    ['23.6.0', '10', true],
    ['24.0.0', '10', true],
    ['26.10.0', '11', true],
  ])('%s with Node-API %s: %s', (version, napi, good) => {
    expect(isGoodNode(version, napi)).toBe(good);
  });

  it('a Node that does not tell its Node-API level is not good', () => {
    expect(isGoodNode('24.0.0', undefined)).toBe(false);
  });
});

describe('what a start does', () => {
  it.each<[string, Facts, string]>([
    [
      'Node 24, nothing installed: installs and goes on',
      { ...linux, ...node24, modules: 'incomplete' },
      'install, this',
    ],
    ['Node 24, installed: goes on', { ...linux, ...node24, modules: 'complete' }, 'this'],
    ['Node 22, installed: goes on', { ...linux, ...node22, modules: 'complete' }, 'this'],
    [
      'Node 20, nothing installed: installs, then bundled',
      { ...linux, ...node20, modules: 'incomplete' },
      'install, bundled',
    ],
    ['Node 20, installed: bundled', { ...linux, ...node20, modules: 'complete' }, 'bundled'],
    ['Node 18, installed: bundled', { ...linux, node: '18.20.8', napi: '9', modules: 'complete' }, 'bundled'],
    ['a Mac with Node 24 needs no bundled one', { ...mac, ...node24, modules: 'incomplete' }, 'install, this'],
  ])('%s', (_, facts, expected) => {
    expect(plan(facts)).toBe(expected);
  });

  it.each<[string, Facts, RegExp]>([
    ['Node 20 on a Mac', { ...mac, ...node20, modules: 'incomplete' }, /Node\.js 20\.20\.2 on darwin arm64/],
    ['Node 20 on musl', { ...linux, ...node20, loader: false, modules: 'complete' }, /no Node\.js of its own/],
    [
      'Node 18, nothing installed',
      { ...linux, node: '18.20.8', napi: '9', modules: 'incomplete' },
      /too old to install/,
    ],
    ['no npm', { ...linux, ...node24, npm: false, modules: 'incomplete' }, /npm was not found/],
  ])('%s: stops with one sentence that says what to install', (_, facts, expected) => {
    const result = planStart(facts);
    expect(result.action).toBe('stop');
    expect(plan(facts)).toMatch(expected);
    expect(plan(facts)).toMatch(/install Node\.js 24 .* and run the command again\.$/);
    expect(plan(facts).split('\n')).toHaveLength(1);
  });
});

describe('whether node_modules is whole', () => {
  const machine = { platform: 'linux', arch: 'x64', libc: 'glibc' } as const;
  const locked = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/mine': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'] },
    'node_modules/musl': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    'node_modules/mac': { version: '1.0.0', optional: true, os: ['darwin'] },
    'node_modules/wasm': { version: '1.0.0', optional: true },
  };
  const installed = { 'node_modules/a': locked['node_modules/a'], 'node_modules/mine': locked['node_modules/mine'] };
  const all = (): boolean => true;

  it('is whole with every package of this machine, though those of other machines are absent', () => {
    expect(firstMissing(locked, installed, all, machine)).toBeUndefined();
  });

  it('is not when npm never finished', () => {
    expect(firstMissing(locked, undefined, all, machine)).toBe('node_modules/.package-lock.json');
  });

  it.each([
    ['a package is absent', { 'node_modules/mine': installed['node_modules/mine'] }, 'node_modules/a'],
    ['a package has another version', { ...installed, 'node_modules/a': { version: '2.0.0' } }, 'node_modules/a'],
    ['its own optional package is absent', { 'node_modules/a': locked['node_modules/a'] }, 'node_modules/mine'],
  ])('is not when %s', (_, have, missing) => {
    expect(firstMissing(locked, have, all, machine)).toBe(missing);
  });

  it('is not when a folder is gone though npm once finished', () => {
    expect(firstMissing(locked, installed, (path) => path !== 'node_modules/a', machine)).toBe('node_modules/a');
  });
});
