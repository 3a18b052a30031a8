// VFIO_DEVICE_FEATURE: what a device can be asked. A feature is a row: which operations it has, how long its data is,
// whether the device has it. PROBE answers whether a feature and an operation are there without doing anything.
//
// The migration state walks the arcs of migration-states.ts; a refused walk leaves the state of the last arc done. An arc
// that opens a session yields a new data_fd when it is the last one. Leaving RESUMING succeeds: the data is taken to be
// complete. Source: drivers/vfio/vfio_main.c, include/linux/vfio.h vfio_check_feature().
import { ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import type { BitSink } from '../iommufd/user-bitmap.ts';
import { DmaLog } from './dma-log.ts';
import type { LoggedRange } from './dma-log.ts';
import { DEVICE_STATES, MIGRATION_PRE_COPY, deviceStatePath, opensSession } from './migration-states.ts';
import type { DeviceState } from './migration-states.ts';

export const FEATURE_GET = 1 << 16;
export const FEATURE_SET = 1 << 17;
export const FEATURE_PROBE = 1 << 18;
const FEATURE_MASK = 0xffff;
/** argsz and flags before the feature's data. */
const HEADER_SIZE = 8;

export const FEATURE_MIGRATION = 1;
export const FEATURE_MIG_DEVICE_STATE = 2;
export const FEATURE_DMA_LOGGING_START = 6;
export const FEATURE_DMA_LOGGING_STOP = 7;
export const FEATURE_DMA_LOGGING_REPORT = 8;
export const FEATURE_MIG_DATA_SIZE = 9;
export const FEATURE_MIG_PRECOPY_INFO_V2 = 12;

/** Fields of the feature's structure; those a feature has not are ignored. */
export interface FeatureFields {
  readonly deviceState?: number;
  readonly pageSize?: bigint;
  readonly numRanges?: number;
  readonly ranges?: readonly LoggedRange[];
  readonly iova?: bigint;
  readonly length?: bigint;
}

export interface FeatureRequest {
  /** Feature number and GET, SET, PROBE. */
  readonly flags: number;
  /** undefined: large enough. */
  readonly argsz?: number;
  readonly fields: FeatureFields;
}

/** What the structure holds afterwards. */
export interface FeatureAnswer {
  readonly flags?: number;
  readonly deviceState?: number;
  readonly dataFd?: number;
  readonly stopCopyLength?: bigint;
  readonly pageSize?: bigint;
}

export interface VfioDeviceOptions {
  /** MIGRATION_* flags; undefined: no migration support. */
  readonly migrationFlags: number | undefined;
  readonly stopCopyLength: bigint;
  readonly dmaLogging: boolean;
}

interface FeatureRow {
  readonly operations: number;
  readonly size: number;
  readonly supported: (device: VfioDevice) => 'yes' | 'no' | 'EINVAL';
}

const migrates = (device: VfioDevice): 'yes' | 'no' => (device.migrationFlags === undefined ? 'no' : 'yes');
const logs = (device: VfioDevice): 'yes' | 'no' => (device.logger === undefined ? 'no' : 'yes');

const FEATURES: Readonly<Record<number, FeatureRow>> = {
  [FEATURE_MIGRATION]: { operations: FEATURE_GET, size: 8, supported: migrates },
  [FEATURE_MIG_DEVICE_STATE]: { operations: FEATURE_GET | FEATURE_SET, size: 8, supported: migrates },
  [FEATURE_DMA_LOGGING_START]: { operations: FEATURE_SET, size: 24, supported: logs },
  [FEATURE_DMA_LOGGING_STOP]: { operations: FEATURE_SET, size: 0, supported: logs },
  [FEATURE_DMA_LOGGING_REPORT]: { operations: FEATURE_GET, size: 32, supported: logs },
  [FEATURE_MIG_DATA_SIZE]: { operations: FEATURE_GET, size: 8, supported: migrates },
  [FEATURE_MIG_PRECOPY_INFO_V2]: {
    operations: FEATURE_SET,
    size: 0,
    // The kernel looks at the flag alone, so that a device without migration answers EINVAL here, not ENOTTY.
    supported: (device) => (((device.migrationFlags ?? 0) & MIGRATION_PRE_COPY) === 0 ? 'EINVAL' : 'yes'),
  },
};

export class VfioDevice {
  readonly migrationFlags: number | undefined;
  readonly logger: DmaLog | undefined;
  readonly stopCopyLength: bigint;
  state: DeviceState = 'RUNNING';
  /** VFIO_PRECOPY_INFO_REINIT may be reported. */
  precopyInfoV2 = false;
  private sessions = 0;

  constructor(options: VfioDeviceOptions) {
    this.migrationFlags = options.migrationFlags;
    this.stopCopyLength = options.stopCopyLength;
    this.logger = options.dmaLogging ? new DmaLog() : undefined;
  }

  /** The ioctl. `sink` takes the bits of a REPORT. `answer` on refusal: what the kernel wrote before it failed. */
  feature(request: FeatureRequest, sink: BitSink): Outcome<FeatureAnswer> & { readonly answer?: FeatureAnswer } {
    const { flags } = request;
    const argsz = request.argsz ?? Infinity;
    if (argsz < HEADER_SIZE) return refuse('EINVAL', 'argsz too small');
    const operation = flags & (FEATURE_GET | FEATURE_SET);
    const probe = (flags & FEATURE_PROBE) !== 0;
    if ((flags & ~(FEATURE_MASK | FEATURE_GET | FEATURE_SET | FEATURE_PROBE)) !== 0) {
      return refuse('EINVAL', 'unknown flag');
    }
    if (!probe && operation === (FEATURE_GET | FEATURE_SET)) return refuse('EINVAL', 'GET and SET at once');
    const number = flags & FEATURE_MASK;
    const row = FEATURES[number];
    const supported = row?.supported(this) ?? 'no';
    if (row === undefined || supported === 'no') return refuse('ENOTTY', 'the device has no such feature');
    if (supported === 'EINVAL') return refuse('EINVAL', 'the device has no PRE_COPY');
    if ((operation & ~row.operations) !== 0) return refuse('EINVAL', 'the feature has no such operation');
    if (probe) return ok({});
    if (operation === 0) return refuse('EINVAL', 'no operation');
    if (argsz - HEADER_SIZE < row.size) return refuse('EINVAL', 'the buffer is too short');
    return this.perform(number, operation === FEATURE_SET, request.fields, sink);
  }

  /** VFIO_DEVICE_RESET: from any state to RUNNING. */
  reset(): void {
    this.state = 'RUNNING';
  }

  private perform(
    number: number,
    set: boolean,
    fields: FeatureFields,
    sink: BitSink,
  ): Outcome<FeatureAnswer> & { readonly answer?: FeatureAnswer } {
    switch (number) {
      case FEATURE_MIGRATION:
        return ok({ flags: this.migrationFlags ?? 0 });
      case FEATURE_MIG_DATA_SIZE:
        return ok({ stopCopyLength: this.stopCopyLength });
      case FEATURE_MIG_PRECOPY_INFO_V2:
        this.precopyInfoV2 = true;
        return ok({});
      case FEATURE_MIG_DEVICE_STATE:
        if (!set) return ok({ deviceState: DEVICE_STATES.indexOf(this.state), dataFd: -1 });
        return this.setState(fields.deviceState ?? 0);
      case FEATURE_DMA_LOGGING_START: {
        const ranges = fields.ranges ?? [];
        const chosen = this.logger!.start(ranges, fields.numRanges ?? ranges.length, fields.pageSize ?? 0n);
        return chosen.ok ? ok({ pageSize: chosen.value }) : chosen;
      }
      case FEATURE_DMA_LOGGING_STOP:
        this.logger!.stop();
        return ok({});
      default: {
        const { iova = 0n, length = 0n, pageSize = 0n } = fields;
        const reported = this.logger!.report(iova, length, pageSize, sink);
        return reported.ok ? ok({}) : reported;
      }
    }
  }

  private setState(wanted: number): Outcome<FeatureAnswer> & { readonly answer?: FeatureAnswer } {
    const to = DEVICE_STATES[wanted];
    const path = to === undefined ? undefined : deviceStatePath(this.state, to, this.migrationFlags ?? 0);
    const passed = path?.states ?? [];
    let last: DeviceState = this.state;
    let opened = false;
    for (const state of passed) {
      opened = opensSession(last, state);
      last = state;
    }
    this.state = last;
    if (path?.ok !== true) {
      return { ...refuse('EINVAL', 'there is no way to that state'), answer: { deviceState: wanted, dataFd: -1 } };
    }
    return ok({ deviceState: wanted, dataFd: opened ? this.openSession() : -1 });
  }

  /** A file descriptor that was not given before. */
  private openSession(): number {
    this.sessions++;
    return 100 + this.sessions;
  }
}
