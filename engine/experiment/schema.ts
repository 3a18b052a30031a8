// The experiment file: all sections together, and the type of a validated experiment.
//
// Names are those of the file, so that a path in a message, in a difference of two runs and in the code is the same.
// Values are plain numbers in base units: bytes, integer nanoseconds, bytes/s, pages/s (workloads), shares 0 … 1.
// Theory of the rest: quantity.ts (units), messages.ts (what a refusal says), parse.ts (from text), resolve.ts
// (defaults that depend on other fields), checks*.ts (what makes no sense together).

import * as z from 'zod';
import { field } from './field.ts';
import { MAX_CHANGES, MAX_DEVICES } from './limits.ts';
import { changeSchema } from './schema-changes.ts';
import { deviceSchema } from './schema-devices.ts';
import { guestSchema } from './schema-guest.ts';
import { defectsSchema, iommuSchema, memoryMapSchema, trackingSchema, viommuSchema } from './schema-iommu.ts';
import { labShape } from './schema-lab.ts';
import { migrationSchema } from './schema-migration.ts';

const { version, name, question, notes, tags, seed, backend, qemu, host, costs, sampling, limits, expect } = labShape;

export const experimentSchema = z.strictObject({
  version,
  name,
  question,
  notes,
  tags,
  seed,
  backend,
  qemu,
  guest: field(guestSchema, { title: 'guest', description: 'The virtual machine that is migrated.' }),
  devices: field(z.array(deviceSchema).max(MAX_DEVICES).prefault([]), {
    title: 'devices',
    description: 'Passthrough devices and what they write by DMA.',
  }),
  iommu: field(iommuSchema.prefault({}), { title: 'IOMMU', description: 'The host’s IOMMU and how it is used.' }),
  viommu: field(viommuSchema.prefault({}), { title: 'vIOMMU', description: 'The IOMMU that the guest sees.' }),
  tracking: field(trackingSchema.prefault({}), { title: 'tracking', description: 'Who records dirty pages, and how.' }),
  memory_map: field(memoryMapSchema.prefault({}), {
    title: 'memory map',
    description: 'How changes of the guest’s memory map reach KVM and VFIO.',
  }),
  defects: field(defectsSchema.prefault({}), {
    title: 'defects',
    description: 'Known defects of kernels and VMMs, past and present, to be switched on and off.',
  }),
  changes: field(z.array(changeSchema).max(MAX_CHANGES).prefault([]), {
    title: 'changes',
    description: 'What happens on the way: a timeline.',
  }),
  migration: field(migrationSchema.prefault({}), { title: 'migration', description: 'The migration itself.' }),
  host,
  costs,
  sampling,
  limits,
  expect,
});

/** As a program may hand it in: like the file, before defaults. */
export type ExperimentInput = z.input<typeof experimentSchema>;
/** Every section valid in itself; defaults that depend on other fields are still missing. */
export type ParsedExperiment = z.output<typeof experimentSchema>;
export type SectionName = keyof ParsedExperiment;

export interface Region {
  readonly offset: number;
  readonly size: number;
}

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
/** A region whose default size was filled in, also inside phases. */
type WithRegion<T> = T extends { region: unknown }
  ? Omit<T, 'region'> & { region: Region }
  : T extends { phases: readonly (infer Phase)[] }
    ? Omit<T, 'phases'> & { phases: readonly WithRegion<Phase>[] }
    : T;
type WithRing<T> = T extends { ring: unknown } ? Omit<T, 'ring'> & { ring: Region } : never;

type ParsedGuest = ParsedExperiment['guest'];
type ParsedViommu = ParsedExperiment['viommu'];

/** What runs: valid, complete, in base units. `text` forms are the file's; see parse.ts. */
export type Experiment = DeepReadonly<
  Omit<ParsedExperiment, 'guest' | 'devices' | 'iommu' | 'viommu'> & {
    guest: Omit<ParsedGuest, 'workloads' | 'populated' | 'filled'> & {
      workloads: WithRegion<ParsedGuest['workloads'][number]>[];
      /** Bytes that are not zero, from 2 MiB. */
      filled: number;
    };
    devices: WithRing<ParsedExperiment['devices'][number]>[];
    iommu: Omit<ParsedExperiment['iommu'], 'page_sizes'> & {
      /** Ascending, without repeats. */
      page_sizes: number[];
    };
    viommu: Omit<ParsedViommu, 'flush_queue' | 'iotlb'> & {
      flush_queue: { kind: ParsedViommu['flush_queue']['kind']; entries: number; timer: number };
      iotlb: number;
    };
  }
>;

export type Workload = Experiment['guest']['workloads'][number];
export type WorkloadPhase = Extract<Workload, { pattern: 'phases' }>['phases'][number];
export type Device = Experiment['devices'][number];
export type Change = Experiment['changes'][number];
