// The machine a script runs on: memory, IOMMUs, devices, an iommufd and, on type1 machines, a container. Made fresh for
// every script.
import { spanFromTo } from '../iommufd/address.ts';
import type { Span } from '../iommufd/address.ts';
import { IommufdContext } from '../iommufd/context.ts';
import { IommuUnit } from '../iommufd/hardware.ts';
import type { PhysicalDevice } from '../iommufd/hardware.ts';
import type { HwDomain } from '../iommufd/hw-domain.ts';
import { MemoryRange, PinAccount } from '../iommufd/memory.ts';
import type { AccessObject, DeviceObject } from '../iommufd/objects.ts';
import { VfioDevice } from '../vfio/device-feature.ts';
import { Type1Container } from '../vfio/type1.ts';
import type { EmulatedGroup } from '../vfio/type1.ts';
import { Type1Groups } from '../vfio/type1-groups.ts';
import type { Type1Rules } from '../vfio/type1-rules.ts';
import { ScriptError } from './problems.ts';
import type { ByteRange, DeviceSpec, MachineSpec } from './script.ts';

/** Most bytes of buffers a script may have. */
const BUFFER_BYTES_MAX = 1 << 28;
/** Most entries, pages and bytes a script may have the model go through one by one. */
const WORK_MAX = 0x400_0000;
/** What making a leaf counts for: it takes memory as well as time. */
const LEAF_WORK = 2;
const AREA_WORK = 64;
/** Areas that a step may go through at the cost of one piece. */
const AREAS_PER_STEP_WORK = 16;

const PINS_PER_WORK = 4;

/** A mediated device on type1: it remembers its pins, to drop them when told of an unmap. */
export class MediatedDevice implements EmulatedGroup {
  readonly name: string;
  private readonly groups: Type1Groups;
  private readonly pins = new Map<number, number>();

  constructor(name: string, groups: Type1Groups) {
    this.name = name;
    this.groups = groups;
  }

  pinned(firstPage: number, pages: number): void {
    for (let page = firstPage; page < firstPage + pages; page++) this.pins.set(page, (this.pins.get(page) ?? 0) + 1);
  }

  unpinned(firstPage: number, pages: number): void {
    for (let page = firstPage; page < firstPage + pages; page++) {
      const held = this.pins.get(page) ?? 0;
      if (held > 1) this.pins.set(page, held - 1);
      else this.pins.delete(page);
    }
  }

  dmaUnmap(firstPage: number, pages: number): void {
    for (const [page, held] of this.pins) {
      if (page < firstPage || page >= firstPage + pages) continue;
      for (let i = 0; i < held; i++) this.groups.unpin(page, 1);
      this.pins.delete(page);
    }
  }

  /** When its file closes. */
  dropAll(): void {
    for (const page of [...this.pins.keys()]) this.dmaUnmap(page, 1);
  }
}

/** A device of the machine with everything the script can do to it. */
export interface LabDevice {
  readonly spec: DeviceSpec;
  readonly vfio: VfioDevice;
  /** The hardware behind it; undefined for a mediated device. */
  readonly physical: PhysicalDevice | undefined;
  /** Bound to the iommufd. */
  readonly bound: DeviceObject | undefined;
  readonly mediated: MediatedDevice | undefined;
  /** What a mediated device attached to an IOAS uses. */
  access: AccessObject | undefined;
}

export interface Type1Lab {
  readonly container: Type1Container;
  readonly groups: Type1Groups;
  /** Ids under which scripts know the domains. */
  readonly domainIds: Map<HwDomain, number>;
}

export class Lab {
  readonly spec: MachineSpec;
  readonly account: PinAccount;
  readonly context: IommufdContext;
  readonly type1: Type1Lab | undefined;
  readonly buffers = new Map<bigint, Uint8Array>();
  readonly devices = new Map<string, LabDevice>();
  private bufferBytes = 0;
  private work = 0;
  /** Areas and pins of mediated devices made so far. */
  private areas = 0;
  private pins = 0;

  constructor(spec: MachineSpec, rules?: Type1Rules) {
    this.spec = spec;
    this.account = new PinAccount(spec.memlockLimit === undefined ? Infinity : Number(spec.memlockLimit));
    const memory = new MemoryRange({
      kind: 'user',
      firstPage: Number(spec.baseVa >> 12n),
      firstFrame: Number(spec.basePa >> 12n),
      pages: Number((spec.memorySize + 4095n) >> 12n),
    });
    const files = spec.files.map((file) => ({
      fd: file.fd,
      source: new MemoryRange({
        kind: 'file',
        firstPage: 0,
        firstFrame: Number((spec.basePa + file.gpa) >> 12n),
        pages: Number(file.size >> 12n),
      }),
    }));
    this.context = new IommufdContext({ memory, files, account: this.account });
    this.context.onInsert = (areas) => {
      this.areas += areas;
      this.spend(AREA_WORK * areas, 'args');
    };
    this.type1 = spec.container === 'iommufd' ? undefined : newContainer(spec, memory, this.account, rules);
    this.addDevices();
  }

  device(name: string): LabDevice {
    return this.devices.get(name)!;
  }

  newBuffer(length: bigint, fill: number): bigint {
    const bytes = Number(length);
    if (this.bufferBytes + bytes > BUFFER_BYTES_MAX) {
      throw new ScriptError('args.length', `buffers of one script may have ${BUFFER_BYTES_MAX} bytes together`);
    }
    this.bufferBytes += bytes;
    const id = BigInt(this.buffers.size + 1);
    this.buffers.set(id, new Uint8Array(bytes).fill(fill));
    return id;
  }

  /** Counts pieces gone through one by one; a script that asks for too many is refused instead of keeping the runner. */
  spend(pieces: number, path: string): void {
    this.work += pieces;
    if (this.work > WORK_MAX)
      throw new ScriptError(path, `the script is too much work: more than ${WORK_MAX} page-table entries and pages`);
  }

  /** Before a mediated device pins. */
  spendOnPins(pages: number): void {
    this.pins += pages;
    this.spend(pages, 'args.npage');
  }

  /** Before a type1 container's dirty bits are read: pinned pages are dirty again after it. */
  spendOnPinnedRead(): void {
    this.spend(this.pins / PINS_PER_WORK, 'call');
  }

  /** Before each step: many go through all areas. */
  spendOnStep(): void {
    this.spend(this.areas / AREAS_PER_STEP_WORK, 'call');
  }

  /** The domain that translates a device's DMA. */
  domainOf(device: LabDevice): HwDomain | undefined {
    if (device.bound?.attached?.type === 'hwpt') return device.bound.attached.domain;
    return device.physical === undefined ? undefined : this.type1?.groups.domainOf(device.physical);
  }

  /** The domain a script knows by this id. */
  domainById(id: number): HwDomain | undefined {
    for (const [domain, known] of this.type1?.domainIds ?? []) if (known === id) return domain;
    const object = this.context.objects.any(id);
    return object?.type === 'hwpt' ? object.domain : undefined;
  }

  private addDevices(): void {
    const { spec } = this;
    const iommus = new Map<string, IommuUnit>();
    for (const iommu of spec.iommus) {
      const apertures = iommu.apertures.map(span);
      const unit = new IommuUnit({ ...iommu, apertures, reserved: iommu.reserved.map(span) });
      unit.onMap = (leaves) => {
        this.spend(LEAF_WORK * leaves, 'args');
      };
      iommus.set(iommu.name, unit);
    }
    for (const device of spec.devices) {
      const iommu = device.iommu === undefined ? undefined : iommus.get(device.iommu)!;
      const physical = iommu && {
        name: device.name,
        iommu,
        reserved: [...iommu.config.reserved, ...device.reserved.map(span), ...gapsOf(iommu.config.apertures)],
        dirtyTracking: device.dirtyTracking ?? iommu.config.dirtyTracking,
      };
      this.devices.set(device.name, {
        spec: device,
        vfio: new VfioDevice(device),
        physical,
        bound: physical && this.type1 === undefined ? this.context.bind(physical) : undefined,
        mediated: device.kind === 'mdev' && this.type1 ? new MediatedDevice(device.name, this.type1.groups) : undefined,
        access: undefined,
      });
    }
  }
}

function newContainer(
  spec: MachineSpec,
  memory: MemoryRange,
  account: PinAccount,
  rules: Type1Rules | undefined,
): Type1Lab {
  const container = new Type1Container({
    v2: spec.container === 'type1v2',
    memory,
    account,
    dmaEntryLimit: spec.dmaEntryLimit,
    ...(rules === undefined ? {} : { rules }),
  });
  return { container, groups: new Type1Groups(container), domainIds: new Map() };
}

const span = (range: ByteRange): Span => spanFromTo(range.first, range.last);

/** Between apertures nothing is translated: reserved for every device. */
function gapsOf(apertures: readonly Span[]): Span[] {
  const gaps: Span[] = [];
  for (let i = 1; i < apertures.length; i++) {
    const below = apertures[i - 1]!;
    const above = apertures[i]!;
    const start = ((BigInt(below.lastPage) << 12n) | BigInt(below.lastOffset)) + 1n;
    const end = ((BigInt(above.startPage) << 12n) | BigInt(above.startOffset)) - 1n;
    if (start <= end) gaps.push(spanFromTo(start, end));
  }
  return gaps;
}
