// When two runs are of one kind: the part of an experiment that decides what happens, and a key made of it.
//
// A run is a function of (engine version, configuration, seed). Whoever has a result for a key need not compute it again.

import { ResultHash } from '../core/hash.ts';
import type { Experiment } from './schema.ts';
import { ENGINE_VERSION } from './simulate.ts';

/** What does not change what happens: two runs with one configuration differ by chance alone. */
const LEFT_OUT: ReadonlySet<string> = new Set(['version', 'name', 'question', 'notes', 'tags', 'seed', 'expect']);
/** Of a file as it is written: a `sweep` section plans many experiments and is none of any single one. */
export const LEFT_OUT_OF_FILE: ReadonlySet<string> = new Set([...LEFT_OUT, 'sweep']);

/** The configuration as JSON of plain values, in the order of the schema. */
export function configJson(experiment: Experiment): string {
  return plainJson(Object.fromEntries(Object.entries(experiment).filter(([key]) => !LEFT_OUT.has(key))));
}

/** JSON of plain values, as filters and forms read them: switches are words, an unlimited rate is the word full. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'boolean') return String(item);
    return item === Infinity ? 'full' : item;
  });
}

/** 64 hexadecimal digits; equal for experiments that give the same run. */
export function runKey(experiment: Experiment, seed: number = experiment.seed): string {
  return new ResultHash().text(ENGINE_VERSION).text(configJson(experiment)).number(seed).hex();
}
