// Building blocks of the schema that are not quantities: fields with their documentation, switches, names, counts.
//
// Every field carries what a form, the JSON Schema and docs/experiment-file.md show: a title, one line of explanation,
// its unit and the source of its default or rule. The default itself is written as in a file (`300ms`).

import * as z from 'zod';
import { describe, isControl } from './quantity.ts';

export interface FieldInfo {
  readonly title: string;
  /** One line: what it is and why it matters. */
  readonly description: string;
  /** Where the default or the rule comes from. */
  readonly source?: string;
  /** Written out even as a default when a neighbour is: the neighbours mean nothing without it. */
  readonly governs?: boolean;
}

export const GOVERNS_KEYWORD = 'x-governs';

/** Attaches the documentation of a field. Goes outermost: zod's metadata belongs to one schema object. */
export function field<Schema extends z.ZodType>(schema: Schema, info: FieldInfo): Schema {
  const { title, description, source, governs = false } = info;
  return schema.meta({
    ...{ title, description },
    ...(source === undefined ? {} : { 'x-source': source }),
    ...(governs ? { [GOVERNS_KEYWORD]: true } : {}),
  });
}

/** A name that paths, series identifiers and messages can carry: letters, digits, `_`, `-`, at most 32 of them. */
export const identifier = (): z.ZodType<string, string> =>
  z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, {
    error: 'a name is 1 to 32 letters, digits, _ or -, beginning with a letter\nFor example: nic0',
  });

/** One line of any script, without control characters. */
export const line = (longest: number): z.ZodType<string, string> =>
  z
    .string()
    .trim()
    .min(1, { error: 'the text is empty' })
    .max(longest, { error: (issue) => tooLong(issue.input, longest) })
    .refine((text) => !Array.from(text).some(isControl), {
      error: 'the text holds a control character or a line break\nWrite one line of plain text.',
    });

/** Several lines of any script; tabs and line feeds are the only control characters. */
export const prose = (longest: number): z.ZodType<string, string> =>
  z
    .string()
    .max(longest, { error: (issue) => tooLong(issue.input, longest) })
    .refine((text) => !Array.from(text).some((char) => char !== '\n' && char !== '\t' && isControl(char)), {
      error: 'the text holds a control character',
    });

function tooLong(input: unknown, longest: number): string {
  return `the text has ${String(input).length} characters, at most ${longest} are allowed`;
}

/** A whole number in a range. */
export const count = (min: number, max: number): z.ZodType<number, number> => {
  const wanted = `a whole number from ${min} to ${max}`;
  const error = (issue: { readonly input: unknown }): string =>
    issue.input === undefined ? `missing: expected ${wanted}` : `found ${describe(issue.input)}, expected ${wanted}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** Adds that a number must be a power of two; `why` is the message. */
export const powerOfTwo = <Input>(schema: z.ZodType<number, Input>, why: string): z.ZodType<number, Input> =>
  schema.refine(isPowerOfTwo, { error: why });

export const isPowerOfTwo = (value: number): boolean => {
  let rest = value;
  while (rest >= 2 && rest % 2 === 0) rest /= 2;
  return rest === 1;
};

/** `false`, `true`, or a group of fields (which switches it on): always an object with `enabled` in the result. */
export function toggle<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodType<
  z.output<z.ZodObject<Shape & { enabled: z.ZodPrefault<z.ZodBoolean> }, z.core.$strict>>,
  boolean | z.input<z.ZodObject<Shape & { enabled: z.ZodPrefault<z.ZodBoolean> }, z.core.$strict>>
> {
  const enabled = field(z.boolean().prefault(true), {
    title: 'on',
    description: 'Whether it is on; writing the group of fields switches it on.',
  });
  const group = z.strictObject({ enabled, ...shape }) as unknown as z.ZodObject<
    Shape & { enabled: z.ZodPrefault<z.ZodBoolean> },
    z.core.$strict
  >;
  return z.union([z.boolean(), group]).transform((value) => {
    // The defaults of every field, also when only `true` or `false` was written.
    return typeof value === 'boolean' ? group.parse({ enabled: value }) : value;
  });
}
