// What should hold whatever the input. A violated invariant is our bug: it is thrown, never caught on the way up, and
// never used for bad input (InputError) or for a refusal the model must reproduce (Outcome). Stays on in releases.

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** `message` says what should hold. Keep it a constant in hot code: a template is built even when the condition holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new InvariantError(`should hold: ${message}`);
}
