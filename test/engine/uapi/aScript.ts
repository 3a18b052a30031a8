// Scripts written in a few words, run through the same reader and runner as files.
import { parseScripts } from '../../../engine/uapi/parse.ts';
import { describeProblem } from '../../../engine/uapi/problems.ts';
import { resultObject } from '../../../engine/uapi/report.ts';
import { runScript } from '../../../engine/uapi/run.ts';
import type { Type1Rules } from '../../../engine/vfio/type1-rules.ts';

/** call, arguments, name bound. */
export type StepWords = readonly [call: string, args?: Readonly<Record<string, unknown>>, as?: string];

export interface Result {
  readonly call: string;
  readonly ok?: true;
  readonly errno?: string;
  /** Empty where the call answers nothing. */
  readonly out: Readonly<Record<string, unknown>>;
}

export const MACHINE = {
  iommu: { format: 'amd-v1', page_sizes: [4096, 0x200000] },
  devices: [{ name: 'dev0' }],
};

export const aScript = (machine: object, steps: readonly StepWords[], name = 'a script'): object => ({
  format: 'uapi-script/1',
  name,
  source: 'a test',
  machine,
  steps: steps.map(([call, args, as]) => ({
    call,
    ...(args === undefined ? {} : { args }),
    ...(as === undefined ? {} : { as }),
  })),
});

/** What each step answers. */
export function answers(machine: object, steps: readonly StepWords[], type1Rules?: Type1Rules): Result[] {
  const text = JSON.stringify(aScript(machine, steps));
  const { scripts, problems } = parseScripts([{ name: 'test.json', text }]);
  if (problems.length > 0) throw new Error(problems.map(describeProblem).join('\n'));
  const results: Result[] = [];
  const problem = runScript(
    scripts[0]!,
    (result) => {
      results.push({ out: {}, ...resultObject(result) } as Result);
    },
    type1Rules === undefined ? {} : { type1Rules },
  );
  if (problem !== undefined) throw new Error(describeProblem(problem));
  return results;
}

export const outcome = ({ errno }: Result): string => errno ?? 'ok';
/** `ok` or the errno of each step. */
export const outcomes = (machine: object, steps: readonly StepWords[]): string[] =>
  answers(machine, steps).map(outcome);
/** What the last step answers. */
export const last = (machine: object, steps: readonly StepWords[], rules?: Type1Rules): Result =>
  answers(machine, steps, rules).at(-1)!;

export const BASE_VA = 0x7f0000000000;
export const RW = 6;
export const FIXED = 7;

export const ALLOC: StepWords = ['IOMMU_IOAS_ALLOC', {}, 'ioas'];
export const ATTACH: StepWords = ['device.attach', { device: 'dev0', to: '$ioas' }, 'pt'];
export const HWPT: StepWords = ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 2 }, 'hwpt'];
export const ATTACH_HWPT: StepWords = ['device.attach', { device: 'dev0', to: '$hwpt' }];

/** A fixed map, memory at the same offset as the IOVA unless given. */
export const map = (iova: number, length: number, more: Readonly<Record<string, unknown>> = {}): StepWords => [
  'IOMMU_IOAS_MAP',
  { ioas_id: '$ioas', flags: FIXED, user_va: BASE_VA + iova, length, iova, ...more },
];
export const unmap = (iova: number, length: number): StepWords => [
  'IOMMU_IOAS_UNMAP',
  { ioas_id: '$ioas', iova, length },
];
export const track = (on: boolean): StepWords => [
  'IOMMU_HWPT_SET_DIRTY_TRACKING',
  { hwpt_id: '$hwpt', flags: on ? 1 : 0 },
];
export const write = (iova: number, length = 1, device = 'dev0'): StepWords => [
  'device.dma',
  { device, op: 'write', iova, length },
];
export const getDirty = (iova: number, length: number, more: Readonly<Record<string, unknown>> = {}): StepWords => [
  'IOMMU_HWPT_GET_DIRTY_BITMAP',
  { hwpt_id: '$hwpt', iova, length, page_size: 4096, ...more },
];
