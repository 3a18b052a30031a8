// Control messages: JSON texts {id, kind, payload}. Samples travel beside them in binary frames (block.ts) with the same id.
//
// The client begins with `hello`; nothing else is answered before. Ids are the client's, each used once, from 1.
//   client → host: hello, call, subscribe, credit, unsubscribe
//   host → client: welcome, result, error, item, end; a binary frame is the result of its call, or an item of its subscription
// Numbers that JSON cannot say (NaN, infinities, -0) are written as exactJson.ts does.
import * as z from 'zod';
import { contractErrorSchema } from './errors.ts';
import { exactJson, readExactJson } from './exactJson.ts';
import { MAX_CREDIT, MAX_REPLY_CHARS, MAX_REQUEST_CHARS } from './limits.ts';

const id = z.int().min(1).max(0xffff_ffff);

export const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ id, kind: z.literal('hello'), payload: z.object({ protocol: z.number() }) }),
  z.strictObject({
    id,
    kind: z.literal('call'),
    payload: z.strictObject({ method: z.string().max(100), params: z.unknown() }),
  }),
  z.strictObject({
    id,
    kind: z.literal('subscribe'),
    payload: z.strictObject({
      topic: z.string().max(100),
      params: z.unknown(),
      credit: z.int().min(0).max(MAX_CREDIT),
    }),
  }),
  z.strictObject({ id, kind: z.literal('credit'), payload: z.strictObject({ add: z.int().min(1).max(MAX_CREDIT) }) }),
  z.strictObject({ id, kind: z.literal('unsubscribe'), payload: z.null() }),
]);
export type Request = z.infer<typeof requestSchema>;

export const replySchema = z.discriminatedUnion('kind', [
  z.strictObject({ id, kind: z.literal('welcome'), payload: z.object({ protocol: z.number(), version: z.string() }) }),
  z.strictObject({ id, kind: z.literal('result'), payload: z.unknown() }),
  /** The end of a call or of a subscription. */
  z.strictObject({ id: z.int().min(0), kind: z.literal('error'), payload: contractErrorSchema }),
  z.strictObject({ id, kind: z.literal('item'), payload: z.unknown() }),
  z.strictObject({ id, kind: z.literal('end'), payload: z.null() }),
]);
export type Reply = z.infer<typeof replySchema>;

export type ReadMessage<T> =
  | { readonly ok: true; readonly message: T }
  /** `id` is the message's own where it can be made out, else 0. */
  | { readonly ok: false; readonly id: number; readonly kind: 'bad-request' | 'too-much'; readonly why: string };

export function writeRequest(request: Request): string {
  return exactJson(request);
}

export function writeReply(reply: Reply): string {
  return exactJson(reply);
}

export function readRequest(text: string): ReadMessage<Request> {
  return readMessage(text, MAX_REQUEST_CHARS, requestSchema);
}

export function readReply(text: string): ReadMessage<Reply> {
  return readMessage(text, MAX_REPLY_CHARS, replySchema);
}

function readMessage<T>(text: string, limit: number, schema: z.ZodType<T>): ReadMessage<T> {
  if (text.length > limit) {
    return { ok: false, id: 0, kind: 'too-much', why: `a message of ${text.length} characters, at most ${limit}` };
  }
  let value: unknown;
  try {
    value = readExactJson(text);
  } catch {
    return { ok: false, id: 0, kind: 'bad-request', why: 'a message that is not JSON' };
  }
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, message: result.data };
  return {
    ok: false,
    id: idOf(value),
    kind: 'bad-request',
    why: `a message that is none of ours: ${firstIssue(result.error)}`,
  };
}

function idOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || !('id' in value)) return 0;
  const parsed = id.safeParse(value.id);
  return parsed.success ? parsed.data : 0;
}

/** `payload.params.limit: Too big…` */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'unknown';
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
