// The IOMMUs of a machine and the devices behind them, as facts that do not change.
import type { FormatName } from '../iommu/formats/format.ts';
import type { Span } from './address.ts';
import type { Driver } from './drivers.ts';
import { driverOfFormat } from './drivers.ts';

export interface IommuConfig {
  readonly name: string;
  /** Every domain of this IOMMU has this format. */
  readonly format: FormatName;
  /** pgsize_bitmap of its domains, in bytes. */
  readonly pageSizes: readonly number[];
  /** HD, SSADS or HTTU is there. */
  readonly dirtyTracking: boolean;
  readonly nesting: boolean;
  /** Geometry of a domain; with several, the gaps are reserved for each device. */
  readonly apertures: readonly Span[];
  /** Reserved regions of every device behind it. */
  readonly reserved: readonly Span[];
}

export class IommuUnit {
  readonly config: IommuConfig;
  readonly driver: Driver;
  /** The lowest and highest address a domain translates. */
  readonly aperture: Span;
  /** Hears before a domain makes about so many leaves; may throw to forbid it. For hosts that bound work. */
  onMap: ((leaves: number) => void) | undefined;

  constructor(config: IommuConfig) {
    this.config = config;
    this.driver = driverOfFormat(config.format);
    const first = config.apertures[0]!;
    const last = config.apertures.at(-1)!;
    this.aperture = {
      startPage: first.startPage,
      startOffset: first.startOffset,
      lastPage: last.lastPage,
      lastOffset: last.lastOffset,
    };
  }

  get smallestPage(): number {
    return Math.min(...this.config.pageSizes);
  }
}

/** A physical device, alone in its IOMMU group. */
export interface PhysicalDevice {
  readonly name: string;
  readonly iommu: IommuUnit;
  /** All reserved regions: its own, its IOMMU's, and the gaps between apertures. */
  readonly reserved: readonly Span[];
  /** IOMMU_CAP_DIRTY_TRACKING. */
  readonly dirtyTracking: boolean;
}
