// Small runs in a store of this process, with names and notes as hostile as one likes.
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import { makeRun } from '../../../main/runs/makeRun.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';

export const SMALL = `name: A small guest
question: Where does the downtime go?
guest:
  memory: 64MiB
  workloads: [{name: db, vcpus: 1, pattern: uniform, region: {size: 16MiB}, rate: 2000 pages/s}]
devices: [{name: nic0, type: nic, rate: 100Mbit/s, ring: {offset: 32MiB, size: 2MiB}}]
migration: {start: 100ms, bandwidth: 512MiB/s}
expect: {lost: 0}
`;

export const aStore = (): Store => new Store(IN_MEMORY, { clock: () => 1_700_000_000_000 });

export function aRun(
  store: Store,
  text = SMALL,
  { name, seed }: { name?: string; seed?: number } = {},
): Promise<number> {
  const parsed = parseExperiment(text, { fileName: 'test' });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  const experiment = seed === undefined ? parsed.experiment : { ...parsed.experiment, seed };
  const request = { name: name ?? experiment.name, tags: [], experiment: text, fileName: 'small.yaml' };
  return makeRun(store, request, (sink) => {
    // The engine tells some things before the head; those who keep runs want the head first.
    const early: (() => void)[] = [];
    let begun = false;
    const simulation = createSimulation(experiment, {
      ...sink,
      head(head) {
        sink.head(head);
        begun = true;
        for (const tell of early) tell();
      },
      event(event) {
        if (begun) sink.event(event);
        else
          early.push(() => {
            sink.event(event);
          });
      },
    });
    while (!simulation.advance(100_000));
    return Promise.resolve();
  });
}
