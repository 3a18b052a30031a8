// The secret in the address: whoever has it may use the lab. It stands behind the #, which browsers keep to themselves.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 bits, as letters that an address and a subprotocol may carry. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Takes the same time wherever the two differ, and whatever their lengths. */
export function sameToken(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
