// Where a new experiment can begin: small files that say in comments what to change. A test holds each to the schema.
export interface Template {
  readonly id: string;
  readonly title: string;
  /** What one begins with, in a line. */
  readonly about: string;
  readonly text: string;
}

export const TEMPLATES: readonly Template[] = [
  {
    id: 'guest',
    title: 'A guest',
    about: 'Memory, vCPUs that write, a migration',
    text: `# A guest whose vCPUs write; everything that is not said here has a default.
name: My experiment
question: What does one learn from it?
guest:
  memory: 4GiB
  populated: 60%
  vcpus: 4
  workloads:
    - name: app
      vcpus: 2
      pattern: hotcold
      rate: 20000 pages/s
      region: { size: 1GiB }
      hot: { size: 128MiB }
migration:
  start: 1s
  bandwidth: 0 # as much as the link carries
  link: 10Gbit/s
  downtime_limit: 300ms
expect:
  outcome: completed
  lost: 0
`,
  },
  {
    id: 'device',
    title: 'A passthrough device',
    about: 'A NIC whose DMA the IOMMU tracks',
    text: `# A passthrough NIC: its DMA dirties memory that no vCPU touches, so the IOMMU's Dirty bits have to tell.
name: My NIC
question: What does one learn from it?
guest:
  memory: 8GiB
  populated: 40%
  vcpus: 2
  workloads:
    - { name: app, pattern: uniform, region: { size: 256MiB }, rate: 10000 pages/s }
devices:
  - name: nic0
    type: nic
    rate: 10Gbit/s
    ring: { size: 64MiB }
iommu:
  format: amd-v1
  page_sizes: [4KiB, 2MiB]
migration: { start: 1s, bandwidth: 0, link: 25Gbit/s, downtime_limit: 100ms }
expect:
  outcome: completed
  lost: 0
`,
  },
  {
    id: 'viommu',
    title: 'Behind a vIOMMU',
    about: 'Unmaps on a schedule, and how their dirt is kept',
    text: `# A device behind a shadowing vIOMMU, and unmaps on a schedule: each takes Dirty bits with it unless they are read.
name: My unmaps
question: What does one learn from it?
guest:
  memory: 4GiB
  populated: 40%
  vcpus: 2
  workloads:
    - { name: app, pattern: uniform, region: { size: 256MiB }, rate: 10000 pages/s }
devices:
  - name: nic0
    type: nic
    rate: 2Gbit/s
    ring: { offset: 2GiB, size: 64MiB }
iommu: { format: vtd-ss, unmap: query-then-unmap }
viommu: { mode: shadow, driver: strict }
changes:
  # 2 MiB of the ring go away and come back, ten times.
  - { at: 1500ms, do: unmap, device: nic0, offset: 2GiB, size: 2MiB, every: 100ms, times: 10 }
  - { at: 1550ms, do: map, device: nic0, offset: 2GiB, size: 2MiB, every: 100ms, times: 10 }
migration: { start: 1s, bandwidth: 0, link: 10Gbit/s, downtime_limit: 100ms }
expect:
  lost: 0
`,
  },
  {
    id: 'memory-map',
    title: 'A memory map that changes',
    about: 'Memory plugged while the migration runs',
    text: `# Memory is plugged while the migration runs; the guest begins to use it.
name: My memory map
question: What does one learn from it?
guest:
  memory: 4GiB
  populated: 50%
  vcpus: 2
  workloads:
    - { name: app, vcpus: 2, pattern: uniform, rate: 20000 pages/s, region: { size: 512MiB } }
  dimms:
    - { name: dimm0, size: 2GiB }
devices:
  - { name: nic0, type: nic, rate: 1Gbit/s, ring: { offset: 2GiB, size: 32MiB } }
changes:
  - { at: 2s, do: plug-memory, dimm: dimm0 }
migration: { start: 1s, bandwidth: 0, link: 10Gbit/s, downtime_limit: 100ms }
expect:
  lost: 0
`,
  },
  {
    id: 'qemu',
    title: 'Real QEMU',
    about: 'Two QEMU processes on this machine, measured',
    text: `# Two real QEMU processes on this machine; the guest writes as it is told, and what QEMU reports is kept as a run.
name: My measurement
question: What does one learn from it?
backend: qemu
guest:
  memory: 512MiB
  vcpus: 1
  workloads:
    - { name: app, pattern: uniform, rate: 5000 pages/s, region: { size: 64MiB } }
migration:
  start: 2s
  bandwidth: 128MiB/s
  downtime_limit: 300ms
expect:
  outcome: completed
`,
  },
];

export function templateNamed(id: string | undefined): Template | undefined {
  return TEMPLATES.find((template) => template.id === id);
}
