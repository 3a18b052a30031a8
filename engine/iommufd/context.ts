// One open iommufd: its objects, whose memory it maps, and what it may lock. (kernel: struct iommufd_ctx)
import type { Access } from './access.ts';
import { Ioas } from './ioas.ts';
import type { AccountMode, PageSource } from './memory.ts';
import { PinAccount } from './memory.ts';
import { ObjectTable } from './objects.ts';
import type { AccessObject, DeviceObject, IoasObject } from './objects.ts';
import type { PhysicalDevice } from './hardware.ts';

/** An open memfd: pages of a file, from 0. */
export interface OpenFile {
  readonly fd: number;
  readonly source: PageSource;
}

export class IommufdContext {
  readonly objects = new ObjectTable();
  readonly account: PinAccount;
  /** The calling process's memory, by user address >> 12. */
  readonly memory: PageSource;
  readonly files: ReadonlyMap<number, PageSource>;
  /** IOMMU_OPTION_RLIMIT_MODE. */
  mode: AccountMode = 'user';
  /** Where VFIO container ioctls go. */
  compatIoas: IoasObject | undefined;
  /** `onInsert` of every IOAS made from now on. */
  onInsert: ((areas: number) => void) | undefined;

  constructor(options: {
    readonly memory: PageSource;
    readonly files?: readonly OpenFile[];
    /** RLIMIT_MEMLOCK in bytes; the caller has no CAP_IPC_LOCK. */
    readonly memlockLimit?: number;
    /** Shared with others of the same process. */
    readonly account?: PinAccount;
  }) {
    this.memory = options.memory;
    this.files = new Map((options.files ?? []).map((file) => [file.fd, file.source]));
    this.account = options.account ?? new PinAccount(options.memlockLimit ?? Infinity);
  }

  bind(device: PhysicalDevice): DeviceObject {
    const id = this.objects.allocateId();
    return this.objects.add<DeviceObject>({ type: 'device', id, users: 1, device, attached: undefined });
  }

  allocateIoas(): IoasObject {
    const id = this.objects.allocateId();
    const ioas = new Ioas();
    ioas.onInsert = this.onInsert;
    return this.objects.add<IoasObject>({ type: 'ioas', id, users: 0, ioas, hwpts: [] });
  }

  /** The object of an access that has been added to the IOAS. */
  addAccess(id: number, access: Access, ioas: IoasObject): AccessObject {
    ioas.users++;
    return this.objects.add<AccessObject>({ type: 'access', id, users: 1, access, ioas });
  }

  removeAccess(object: AccessObject): void {
    object.access.dropAllPins();
    object.ioas.ioas.removeUser(object.access);
    object.ioas.users--;
    this.objects.remove(object);
  }
}
