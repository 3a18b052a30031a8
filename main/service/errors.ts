// What goes wrong inside, as the contract's errors.
import { ServiceError, type ContractError } from '../contract/errors.ts';
import { StoreError } from '../store/errors.ts';
import { WorkerFailure } from '../workers/failure.ts';

export function contractError(error: unknown): ContractError {
  if (error instanceof ServiceError) return error.data;
  if (error instanceof StoreError) {
    if (error.kind === 'absent') return { kind: 'absent', message: error.message };
    return { kind: 'store', message: error.message, path: error.file };
  }
  if (error instanceof WorkerFailure) return { kind: 'internal', message: error.message };
  // Of main/qemu, which is loaded only when it is wanted: the machine lacks something, or QEMU ended.
  if (error instanceof Error && error.name === 'QemuError') return { kind: 'unavailable', message: error.message };
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error) };
}

export function absent(what: string): ServiceError {
  return new ServiceError({ kind: 'absent', message: `there is no ${what}` });
}
