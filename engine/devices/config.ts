// What describes a passthrough device, in base units: bytes, bytes per second, nanoseconds, RAM pages.

export type DeviceKind = 'nic' | 'nvme' | 'rdma' | 'gpu' | 'accelerator';

/** RAM pages [firstPage, firstPage + pages). */
export interface PageRange {
  readonly firstPage: number;
  readonly pages: number;
}

/** How a device writes memory while it runs. */
export interface TrafficConfig {
  readonly bytesPerSecond: number;
  /** Bytes of one operation: a burst, a packet, an I/O. An operation writes whole pages' worth of dirt: ceil(bytes / 4096). */
  readonly burstBytes: number;
  /** Where its buffers lie. */
  readonly region: PageRange;
  /** Operations round the region one after another, or at random places in it. */
  readonly pattern: 'ring' | 'random';
  /** Mapped once (page pool, hugepages, registration), or mapped before and unmapped after each operation. */
  readonly buffers: 'mapped-once' | 'per-operation';
  /** Mapped once behind a vIOMMU: pages of one mapping (page pool: 1; hugepages: 512; a registration: all of it). */
  readonly mappingPages: number;
  /**
   * With per-operation buffers: how many are mapped and waiting for the device. With none left an operation does not happen:
   * a packet is dropped, a closed loop waits.
   */
  readonly queueDepth: number;
  /** Bytes per second it reads from memory in operations of `readBytes`: no dirt, but maps and unmaps per operation. */
  readonly readBytesPerSecond: number;
  readonly readBytes: number;
  /** Active for `onNs`, then quiet for `offNs`, from time 0 on; null: always active. */
  readonly duty: { readonly onNs: number; readonly offNs: number } | null;
  /** From the translation of a write to its completion. */
  readonly latencyNs: number;
  /** Share of operations whose device writes once more after the driver began to unmap; a correct device has 0. */
  readonly lateShare: number;
  /** A late write comes at an even chance within this time from the beginning of the unmap. */
  readonly lateWindowNs: number;
}

/** What the device's VFIO driver can do, and how much state it has. */
export interface DeviceMigrationConfig {
  readonly precopy: boolean;
  readonly p2p: boolean;
  /** Read in STOP_COPY. */
  readonly stateBytes: number;
  /** initial_bytes and the growth of dirty_bytes (VFIO_MIG_GET_PRECOPY_INFO). */
  readonly initialBytes: number;
  readonly dirtyBytesPerSecond: number;
  readonly readBytesPerSecond: number;
  readonly loadBytesPerSecond: number;
  /** The arc that quiesces DMA. */
  readonly stopNs: number;
  readonly resumeNs: number;
}

export interface DeviceConfig {
  readonly name: string;
  readonly kind: DeviceKind;
  readonly traffic: TrafficConfig;
  /** null: the driver has no migration support. */
  readonly migration: DeviceMigrationConfig | null;
  /** The device's own DMA log; null: it has none. `pageBytes` is the granule it logs at. */
  readonly dmaLogging: { readonly pageBytes: number } | null;
  /** Whether the IOMMU in front of it records dirt (IOMMU_HW_CAP_DIRTY_TRACKING). */
  readonly iommuDirty: boolean;
  /** Devices of one container share its domains and its tracker. */
  readonly container: string;
  /** x-device-dirty-page-tracking: off keeps the VMM from using the device's log. */
  readonly pageTracking: 'auto' | 'on' | 'off';
  /** Entries of its own translation cache (ATC, with ATS); 0: it has none. */
  readonly atcEntries: number;
  /** Whether the guest's vIOMMU, if there is one, translates for it. */
  readonly behindViommu: boolean;
}
