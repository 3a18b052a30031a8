// The device models, one row each: what sets a NIC apart from a GPU is data, not code.
//
// Rates, sizes and times are typical of the kind, not of a product; an experiment overrides any of them.
// Sources: page_pool (NIC receive buffers stay mapped) and per-request maps of drivers/nvme/host/pci.c for buffer life;
// hw/vfio/migration.c for the order of an mlx5 VF's state ("100s of MB"); drivers/vfio/pci/{mlx5,qat,virtio,nvgrace-gpu}
// for what drivers offer. Buffer counts: ethtool -g's common default of 512 receive descriptors; NVMe queue depth 128.

import type { DeviceKind, DeviceMigrationConfig, TrafficConfig } from './config.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const GBIT = 1e9 / 8;
const MS = 1e6;
const US = 1e3;

export interface DeviceModel {
  readonly what: string;
  readonly traffic: Omit<TrafficConfig, 'region'>;
  readonly regionBytes: number;
  readonly migration: DeviceMigrationConfig;
  /** Whether it logs its own DMA writes unless the experiment says otherwise. */
  readonly dmaLogging: boolean;
}

const STEADY = {
  readBytesPerSecond: 0,
  readBytes: 1500,
  duty: null,
  latencyNs: 1 * US,
  lateShare: 0,
  lateWindowNs: 20 * US,
} as const;

const DRIVER = {
  readBytesPerSecond: 1 * GIB,
  loadBytesPerSecond: 1 * GIB,
  stopNs: 1 * MS,
  resumeNs: 1 * MS,
} as const;

export const DEVICE_MODELS = {
  nic: {
    what: 'receive ring of a network card: long-lived page-pool buffers, or one map and unmap per packet',
    traffic: {
      ...STEADY,
      bytesPerSecond: 10 * GBIT,
      burstBytes: 64 * KIB,
      pattern: 'ring',
      buffers: 'mapped-once',
      mappingPages: 1,
      queueDepth: 512,
    },
    regionBytes: 16 * MIB,
    migration: { ...DRIVER, precopy: true, p2p: true, stateBytes: 2 * MIB, initialBytes: 0, dirtyBytesPerSecond: 0 },
    dmaLogging: false,
  },
  nvme: {
    what: 'disk that reads into memory: a map and an unmap per I/O at random places',
    traffic: {
      ...STEADY,
      bytesPerSecond: 2 * GIB,
      burstBytes: 128 * KIB,
      pattern: 'random',
      buffers: 'per-operation',
      mappingPages: 1,
      queueDepth: 128,
    },
    regionBytes: 256 * MIB,
    migration: { ...DRIVER, precopy: false, p2p: true, stateBytes: 1 * MIB, initialBytes: 0, dirtyBytesPerSecond: 0 },
    dmaLogging: false,
  },
  rdma: {
    what: 'remote writes at random into memory registered once',
    traffic: {
      ...STEADY,
      bytesPerSecond: 100 * GBIT,
      burstBytes: 64 * KIB,
      pattern: 'random',
      buffers: 'mapped-once',
      mappingPages: 512,
      queueDepth: 1,
    },
    regionBytes: 1 * GIB,
    migration: {
      ...DRIVER,
      precopy: true,
      p2p: true,
      stateBytes: 256 * MIB,
      initialBytes: 128 * MIB,
      dirtyBytesPerSecond: 16 * MIB,
    },
    dmaLogging: true,
  },
  gpu: {
    what: 'copies large blocks to host memory; gigabytes of state of its own',
    traffic: {
      ...STEADY,
      bytesPerSecond: 12 * GIB,
      burstBytes: 2 * MIB,
      pattern: 'ring',
      buffers: 'mapped-once',
      mappingPages: 512,
      queueDepth: 1,
    },
    regionBytes: 1 * GIB,
    migration: {
      ...DRIVER,
      precopy: true,
      p2p: true,
      stateBytes: 1 * GIB,
      initialBytes: 512 * MIB,
      dirtyBytesPerSecond: 256 * MIB,
    },
    dmaLogging: false,
  },
  accelerator: {
    what: 'crypto or compression engine without a tracker of its own: only the IOMMU can see what it writes',
    traffic: {
      ...STEADY,
      bytesPerSecond: 1 * GIB,
      burstBytes: 16 * KIB,
      pattern: 'random',
      buffers: 'mapped-once',
      mappingPages: 4,
      queueDepth: 64,
    },
    regionBytes: 64 * MIB,
    migration: { ...DRIVER, precopy: false, p2p: true, stateBytes: 4 * MIB, initialBytes: 0, dirtyBytesPerSecond: 0 },
    dmaLogging: false,
  },
} as const satisfies Record<DeviceKind, DeviceModel>;
