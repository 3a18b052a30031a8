import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import type * as engine from '../../../engine/experiment/result.ts';
import { readReply, readRequest, writeReply, writeRequest, type Request } from '../../../main/contract/frames.ts';
import { MAX_REQUEST_CHARS } from '../../../main/contract/limits.ts';
import type { EVENT_KINDS, OUTCOMES } from '../../../main/contract/runs.ts';
import { type expectResultSchema, type Loss, type SeriesInfo, type Summary } from '../../../main/contract/runs.ts';

const ids = fc.integer({ min: 1, max: 0xffff_ffff });

describe('a control message', () => {
  it('is read as it was written, whatever its parameters hold', () => {
    fc.assert(
      fc.property(ids, fc.string(), fc.jsonValue(), (id, method, params) => {
        fc.pre(method.length <= 100);
        const request: Request = { id, kind: 'call', payload: { method, params } };
        expect(readRequest(writeRequest(request))).toEqual({ ok: true, message: request });
      }),
    );
  });

  it('keeps NaN and the infinities', () => {
    const reply = { id: 3, kind: 'item', payload: { a: NaN, b: [Infinity, -Infinity, -0] } } as const;
    expect(readReply(writeReply(reply))).toEqual({ ok: true, message: reply });
  });

  it('of any other text or shape is refused with a reason, never thrown over', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const read = readRequest(text);
        expect(read.ok ? 'understood' : read.why).not.toBe('');
        expect(read.ok).toBe(false);
      }),
    );
  });

  it('keeps its id in the refusal where it has one, so that the caller learns of it', () => {
    expect(readRequest('{"id": 12, "kind": "call", "payload": 5}')).toMatchObject({ ok: false, id: 12 });
    expect(readRequest('{"id": -1, "kind": "call", "payload": 5}')).toMatchObject({ ok: false, id: 0 });
  });

  it('with a field that the contract does not have is refused', () => {
    expect(readRequest('{"id": 1, "kind": "unsubscribe", "payload": null, "also": 1}')).toMatchObject({
      ok: false,
      id: 1,
    });
  });

  it('beyond the limit is refused before it is parsed', () => {
    expect(readRequest('['.repeat(MAX_REQUEST_CHARS + 1))).toMatchObject({ ok: false, kind: 'too-much' });
  });
});

describe('the contract', () => {
  it('has the shapes of the engine’s results', () => {
    // Types alone: this compiles only while each is assignable to the other.
    type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
    type Plain<T> = T extends readonly (infer I)[]
      ? T extends readonly [infer A, infer B]
        ? [Plain<A>, Plain<B>]
        : Plain<I>[]
      : T extends object
        ? { -readonly [K in keyof T]: Plain<T[K]> }
        : T;
    const same: [
      Same<Plain<engine.Summary>, Summary>,
      Same<Plain<engine.Loss>, Loss>,
      Same<engine.EventKind, (typeof EVENT_KINDS)[number]>,
      Same<engine.Outcome, (typeof OUTCOMES)[number]>,
      Same<Plain<engine.ExpectResult>, z.infer<typeof expectResultSchema>>,
      Same<engine.SeriesUnit, SeriesInfo['unit']>,
    ] = [true, true, true, true, true, true];
    expect(same.every(Boolean)).toBe(true);
  });
});
