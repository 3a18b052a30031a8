// What a refusal says: zod's issues in the words of the experiment file.
//
// Every message says what was found and what would be right. It travels through zod as text, with the hint behind a
// line feed. Unknown keys get the nearest allowed one (also QEMU's own spelling of a parameter) and the whole list.

import { distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { describe } from './quantity.ts';

/** QEMU's and common names for fields that are called otherwise here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ram: 'memory',
  mem: 'memory',
  memory_size: 'memory',
  cpus: 'vcpus',
  smp: 'vcpus',
  cores: 'vcpus',
  max_bandwidth: 'bandwidth',
  bandwidth_limit: 'bandwidth',
  downtime: 'downtime_limit',
  max_downtime: 'downtime_limit',
  avail_switchover_bandwidth: 'switchover_bandwidth',
  multifd_channels: 'channels',
  cpu_throttle_initial: 'initial',
  cpu_throttle_increment: 'increment',
  max_cpu_throttle: 'max',
  throttle_trigger_threshold: 'threshold',
  cpu_throttle_tailslow: 'tailslow',
  vcpu_dirty_limit: 'vcpu_limit',
  x_vcpu_dirty_limit_period: 'period',
  xbzrle_cache_size: 'cache',
  postcopy_ram: 'postcopy',
  zero_page_detection: 'zero_pages',
  zero_copy_send: 'zero_copy',
  max_postcopy_bandwidth: 'bandwidth',
  x_device_dirty_page_tracking: 'page_tracking',
  x_pre_copy_dirty_page_tracking: 'precopy',
  dirty_ring_size: 'entries',
  working_set: 'region',
  bbml: 'bbm',
  title: 'name',
};

/** The candidate that was probably meant. */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string): string =>
    text
      .replace(/([a-z])([A-Z])/gu, '$1_$2')
      .toLowerCase()
      .replace(/[-_ ]+/gu, '_');
  const key = plain(written);
  const other = OTHER_NAMES[key];
  if (other !== undefined && candidates.includes(other)) return other;
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const apart = distance(key, plain(candidate));
    if (apart < bestDistance) [best, bestDistance] = [candidate, apart];
  }
  const shorter = Math.min(key.length, best?.length ?? 0);
  if (bestDistance <= (shorter <= 3 ? 1 : Math.max(2, Math.floor(shorter / 3)))) return best;
  return key.length < 3 ? undefined : candidates.find((candidate) => candidate.startsWith(key));
}

/** What of a list, in words: `a, b or c`. */
export function oneOf(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? 'nothing') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)!}`;
}

export function unknownKey(key: string, allowed: readonly string[]): string {
  if (key === '<<') return `merge keys are not part of YAML 1.2\nWrite the fields out, or put the alias itself here.`;
  const near = nearest(key, allowed);
  const meant = near === undefined ? '' : `; did you mean '${near}'?`;
  return `unknown key ${describe(key)}${meant}\nAllowed here: ${allowed.join(', ')}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of fields',
};

type RawIssue = z.core.$ZodRawIssue;

interface Inspectable {
  readonly _zod?: { readonly def?: { readonly shape?: object; readonly type?: string } };
}

/** zod's error map for a parse; schemas with messages of their own come before it. */
export function explain(issue: RawIssue): string {
  const { input } = issue;
  switch (issue.code) {
    case 'unrecognized_keys': {
      const shape = (issue.inst as Inspectable | undefined)?._zod?.def?.shape;
      const allowed = shape ? Object.keys(shape) : [];
      return issue.keys.map((key) => unknownKey(key, allowed)).join('\u0000');
    }
    case 'invalid_type': {
      const wanted = TYPE_NAMES[issue.expected] ?? issue.expected;
      if (input === undefined) return `missing: expected ${wanted}`;
      if (issue.expected === 'int' && typeof input === 'number') return `found ${input}, expected a whole number`;
      return `found ${describe(input)}, expected ${wanted}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (input === undefined) return `missing: expected ${oneOf(values)}`;
      const near = typeof input === 'string' ? nearest(input, values) : undefined;
      const meant = near === undefined ? '' : `; did you mean '${near}'?`;
      return `found ${describe(input)}, expected ${oneOf(values)}${meant}`;
    }
    case 'too_big':
      return issue.origin === 'array'
        ? `the list has ${(input as unknown[]).length} entries, at most ${issue.maximum} are allowed`
        : `${String(input)} is above the largest allowed value, ${issue.maximum}`;
    case 'too_small':
      return issue.origin === 'array'
        ? `the list has ${(input as unknown[]).length} entries, at least ${issue.minimum} are needed`
        : `${String(input)} is below the smallest allowed value, ${issue.minimum}`;
    case 'invalid_union':
      return explainUnion(issue);
    default:
      return `found ${describe(input)}, which does not fit here`;
  }
}

/** A union without a message of its own: by a discriminating key, or true/false/a group of fields (a switch). */
function explainUnion(issue: RawIssue & { readonly code: 'invalid_union' }): string {
  const { input } = issue;
  const discriminator = issue['discriminator'];
  if (discriminator !== undefined) {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      return `found ${describe(input)}, expected a group of fields with '${discriminator}'`;
    }
    const values = ((issue['options'] as unknown[] | undefined) ?? []).map(String);
    const found = (input as Record<string, unknown>)[discriminator];
    if (found === undefined) return `missing '${discriminator}': expected ${oneOf(values)}`;
    const near = typeof found === 'string' ? nearest(found, values) : undefined;
    return `found ${describe(found)}, expected ${oneOf(values)}${near === undefined ? '' : `; did you mean '${near}'?`}`;
  }
  return `found ${describe(input)}, expected true, false or a group of fields`;
}
