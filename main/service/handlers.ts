// What answers a call: one function a method, over the parts of the service.
import type { CheckedParams, MethodName, Result } from '../contract/methods.ts';
import type { AppInfo } from '../contract/app.ts';
import type { Store } from '../store/store.ts';
import type { Files } from './files.ts';
import type { JobBoard } from './jobs.ts';
import type { SweepBoard } from './sweepBoard.ts';

export type Answer<M extends MethodName> = Result<M>;
export type Handlers<M extends MethodName = MethodName> = {
  readonly [Name in M]: (params: CheckedParams<Name>) => Name extends LateMethod ? Promise<Answer<Name>> : Answer<Name>;
};
/** Those that are answered later. */
export type LateMethod = 'imports.finish';

export interface Parts {
  readonly store: Store;
  readonly jobs: JobBoard;
  readonly sweeps: SweepBoard;
  readonly files: Files;
  readonly app: Omit<AppInfo, 'store'>;
  readonly examplesFolder: string;
  /** The list of runs changed; null: nobody knows which. */
  readonly changed: (ids: readonly number[] | null) => void;
}
