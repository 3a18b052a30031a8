/** A worker broke; `message` is the reason for a user. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure';
}
