// What answers a call: one function a method, over the parts of the service.
import type { CheckedParams, MethodName, Result } from '../contract/methods.ts';
import type { AppInfo } from '../contract/app.ts';
import type { Store } from '../store/store.ts';
import type { JobBoard } from './jobs.ts';
import type { SweepBoard } from './sweepBoard.ts';

export type Answer<M extends MethodName> = Result<M>;
export type Handlers<M extends MethodName = MethodName> = {
  readonly [Name in M]: (params: CheckedParams<Name>) => Answer<Name>;
};

export interface Parts {
  readonly store: Store;
  readonly jobs: JobBoard;
  readonly sweeps: SweepBoard;
  readonly app: Omit<AppInfo, 'store'>;
  readonly examplesFolder: string;
  /** The list of runs changed; null: nobody knows which. */
  readonly changed: (ids: readonly number[] | null) => void;
}
