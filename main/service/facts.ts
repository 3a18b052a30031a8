// What the picture of the topology draws of a validated experiment.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import type { Change, Device, Experiment, Workload } from '../../engine/experiment/schema.ts';
import { layoutOf } from '../../engine/experiment/build-map.ts';
import type { ExperimentFacts } from '../contract/experiments.ts';
import { formatFigure } from '../contract/format.ts';

export function factsOf(experiment: Experiment): ExperimentFacts {
  const { guest, devices, iommu, viommu, tracking, migration, changes } = experiment;
  const layout = layoutOf(experiment);
  const above4g = (layout.sections.find(({ name }) => name === 'ram-above-4g')?.pages ?? 0) * PAGE_SIZE;
  return {
    name: experiment.name,
    backend: experiment.backend,
    memory: guest.memory,
    below4g: guest.memory - above4g,
    above4g,
    modules: layout.dimms.map(({ name, gpaPage, ramPage, pages }) => ({
      name,
      gpa: gpaPage * PAGE_SIZE,
      offset: ramPage * PAGE_SIZE,
      size: pages * PAGE_SIZE,
    })),
    filled: guest.filled,
    backing: guest.backing,
    vcpus: guest.vcpus,
    workloads: guest.workloads.map((workload) => ({
      name: workload.name,
      vcpus: workload.vcpus,
      pattern: workload.pattern,
      region: 'region' in workload ? { name: workload.name, ...plain(workload.region) } : null,
      text: workloadText(workload),
    })),
    devices: devices.map((device) => ({
      name: device.name,
      type: device.type,
      region: { name: device.name, ...plain(device.ring) },
      text: deviceText(device),
      logsDma: 'dma_logging' in device && device.dma_logging.enabled,
    })),
    iommu: {
      format: iommu.format,
      granule: iommu.granule,
      pageSizes: [...iommu.page_sizes],
      flush: iommu.flush,
      unmap: iommu.unmap,
    },
    viommu: { mode: viommu.mode, driver: viommu.driver },
    trackers: { vcpus: tracking.vcpus, devices: tracking.devices },
    link: { bytesPerSecond: migration.link, bandwidth: migration.bandwidth, downtimeLimitNs: migration.downtime_limit },
    changes: changes.map(changeFacts),
    seed: experiment.seed,
  };
}

const plain = ({
  offset,
  size,
}: {
  readonly offset: number;
  readonly size: number;
}): { offset: number; size: number } => ({
  offset,
  size,
});

function changeFacts(change: Change, index: number): ExperimentFacts['changes'][number] {
  return {
    index,
    what: change.do,
    atNs: change.at ?? null,
    on: change.on ?? null,
    delayNs: change.delay,
    target: 'device' in change ? change.device : 'dimm' in change ? change.dimm : null,
    range: 'offset' in change ? { offset: change.offset, size: change.size } : null,
    everyNs: 'every' in change ? (change.every ?? null) : null,
    times: 'times' in change ? change.times : 1,
  };
}

function workloadText(workload: Workload): string {
  const size = 'region' in workload ? ` over ${formatFigure(workload.region.size, 'bytes')}` : '';
  const rate = 'rate' in workload ? `, ${pageRate(workload.rate)}` : '';
  return `${workload.pattern}${size}${rate}`;
}

function pageRate(rate: number): string {
  return rate === Infinity ? 'as fast as it can' : formatFigure(rate, 'pages/s');
}

function deviceText(device: Device): string {
  return `${formatFigure(device.rate, 'bytes/s')} into ${formatFigure(device.ring.size, 'bytes')}${device.latency > 0 ? `, ${formatFigure(device.latency, 'ns')} in flight` : ''}`;
}
