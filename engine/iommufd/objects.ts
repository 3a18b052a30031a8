// The objects of one iommufd file: ids, types, and who refers to whom. Ids count up from 1 over all types and are not used
// again; 0 is no object. An object goes by IOMMU_DESTROY only while nothing refers to it.
// Sources: drivers/iommu/iommufd/main.c, hw_pagetable.c, device.c, viommu.c.
import { refuse } from '../core/errno.ts';
import type { Refusal } from '../core/errno.ts';
import type { Access } from './access.ts';
import type { DriverName } from './drivers.ts';
import type { PhysicalDevice, IommuUnit } from './hardware.ts';
import type { HwDomain } from './hw-domain.ts';
import type { Ioas } from './ioas.ts';

interface ObjectBase {
  readonly id: number;
  /** References by other objects and attachments, beside the table's own. */
  users: number;
}

export interface IoasObject extends ObjectBase {
  readonly type: 'ioas';
  readonly ioas: Ioas;
  /** Paging HWPTs in the order they were made. */
  readonly hwpts: PagingHwpt[];
}

export interface PagingHwpt extends ObjectBase {
  readonly type: 'hwpt';
  readonly ioas: IoasObject;
  readonly domain: HwDomain;
  /** Made by an attach to the IOAS; dies with its last device. */
  readonly automatic: boolean;
  fault: FaultObject | undefined;
}

/** A user-owned stage 1 on a parent's stage 2. */
export interface NestedHwpt extends ObjectBase {
  readonly type: 'nested';
  readonly parent: PagingHwpt;
  /** What the reference is held on: the parent, or the vIOMMU. */
  readonly base: PagingHwpt | ViommuObject;
  readonly driverName: DriverName;
  fault: FaultObject | undefined;
}

/** A bound device. Its driver holds a reference as long as it is bound, which here is for ever. */
export interface DeviceObject extends ObjectBase {
  readonly type: 'device';
  readonly device: PhysicalDevice;
  attached: PagingHwpt | NestedHwpt | undefined;
}

export interface AccessObject extends ObjectBase {
  readonly type: 'access';
  readonly access: Access;
  readonly ioas: IoasObject;
}

export interface FaultObject extends ObjectBase {
  readonly type: 'fault';
}

export interface ViommuObject extends ObjectBase {
  readonly type: 'viommu';
  readonly parent: PagingHwpt;
  readonly iommu: IommuUnit;
  readonly virtualIds: Set<bigint>;
}

export interface VdeviceObject extends ObjectBase {
  readonly type: 'vdevice';
  readonly viommu: ViommuObject;
  readonly device: DeviceObject;
  readonly virtualId: bigint;
}

export type IommufdObject =
  IoasObject | PagingHwpt | NestedHwpt | DeviceObject | AccessObject | FaultObject | ViommuObject | VdeviceObject;

export type ObjectType = IommufdObject['type'];
type ObjectOf<T extends ObjectType> = Extract<IommufdObject, { readonly type: T }>;

export class ObjectTable {
  private readonly objects = new Map<number, IommufdObject>();
  private lastId = 0;

  get empty(): boolean {
    return this.objects.size === 0;
  }

  /** The next id. It is used up whether or not an object is added under it. */
  allocateId(): number {
    this.lastId++;
    return this.lastId;
  }

  add<T extends IommufdObject>(object: T): T {
    this.objects.set(object.id, object);
    return object;
  }

  remove(object: IommufdObject): void {
    this.objects.delete(object.id);
  }

  any(id: number): IommufdObject | undefined {
    return this.objects.get(id);
  }

  /** The object of this id and type; ENOENT otherwise. */
  get<T extends ObjectType>(id: number, type: T): ObjectOf<T> | Refusal {
    const object = this.objects.get(id);
    if (object?.type !== type) return refuse('ENOENT', `there is no ${type} ${id}`);
    return object as ObjectOf<T>;
  }

  /** All objects of a type, by id. */
  ofType<T extends ObjectType>(type: T): ObjectOf<T>[] {
    const found: ObjectOf<T>[] = [];
    for (const object of this.objects.values()) if (object.type === type) found.push(object as ObjectOf<T>);
    return found.sort((a, b) => a.id - b.id);
  }
}

export function isRefusal(value: object): value is Refusal {
  return 'ok' in value && value.ok === false;
}
