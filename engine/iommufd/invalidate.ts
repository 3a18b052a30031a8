// HWPT_INVALIDATE: the user tells that its stage 1 changed, to a nested HWPT or to the vIOMMU above it. Each driver reads entries
// of its own; an array is handled up to the first entry the driver refuses. What the caches do then is not modelled, since
// the user's tables are not.
//
// A nested HWPT's driver reads entry by entry and wants each as long as its first version; a vIOMMU's takes the whole array
// first and fills short entries with zeroes.
// Sources: drivers/iommu/iommufd/hw_pagetable.c iommufd_hwpt_invalidate(); intel/nested.c, arm-smmu-v3-iommufd.c
// arm_vsmmu_convert_user_cmd(), iommufd/selftest.c for the entries; include/linux/iommu.h for the copying.
import { refuse } from '../core/errno.ts';
import type { Errno } from '../core/errno.ts';
import { U64_MAX } from './address.ts';
import type { IommufdContext } from './context.ts';
import type { DriverName } from './drivers.ts';
import type { Command } from './framing.ts';
import { fail, succeed } from './ioctl-types.ts';
import type { IoctlResult, UserPointers } from './ioctl-types.ts';
import type { NestedHwpt, ViommuObject } from './objects.ts';

type Entry = (name: string) => bigint;

interface InvalidationRow {
  readonly dataType: number;
  /** Shortest entry; 0: what is missing counts as 0. */
  readonly entryLength: number;
  /** Why the driver stops at an entry. `isDevice`: whether a vdevice of the vIOMMU has this number. */
  readonly refused: (entry: Entry, isDevice: (virtualId: bigint) => boolean) => Errno | undefined;
}

const VTD_LEAF = 1n;
const SELFTEST_ALL = 1n;
/** MOCK_NESTED_DOMAIN_IOTLB_NUM, MOCK_DEV_CACHE_NUM. */
const SELFTEST_CACHES = 4n;

const ON_NESTED: Readonly<Partial<Record<DriverName, InvalidationRow>>> = {
  intel: {
    dataType: 0,
    entryLength: 24,
    refused: (entry) => {
      if ((entry('flags') & ~VTD_LEAF) !== 0n || entry('__reserved') !== 0n) return 'EOPNOTSUPP';
      const address = entry('addr');
      if ((address & 0xfffn) !== 0n || (entry('npages') === U64_MAX && address !== 0n)) return 'EINVAL';
      return undefined;
    },
  },
  mock: {
    dataType: 0xdeadbeef,
    entryLength: 8,
    refused: (entry) => {
      if ((entry('flags') & ~SELFTEST_ALL) !== 0n) return 'EOPNOTSUPP';
      return entry('iotlb_id') >= SELFTEST_CACHES ? 'EINVAL' : undefined;
    },
  },
};

/** Commands of SMMUv3 that a guest may pass on; those of the second list name a stream. */
const SMMU_TLBI: readonly bigint[] = [0x10n, 0x11n, 0x12n, 0x13n, 0x30n];
const SMMU_BY_STREAM: readonly bigint[] = [0x05n, 0x06n, 0x40n];

const ON_VIOMMU: Readonly<Partial<Record<DriverName, InvalidationRow>>> = {
  smmuv3: {
    dataType: 1,
    entryLength: 0,
    refused: (entry, isDevice) => {
      // The first word of the command: the operation, and the stream above it.
      const command = entry('cmd');
      const operation = command & 0xffn;
      if (SMMU_TLBI.includes(operation)) return undefined;
      return SMMU_BY_STREAM.includes(operation) && isDevice(command >> 32n) ? undefined : 'EIO';
    },
  },
  mock: {
    dataType: 0xdeadbeef,
    entryLength: 0,
    refused: (entry, isDevice) => {
      if ((entry('flags') & ~SELFTEST_ALL) !== 0n) return 'EOPNOTSUPP';
      return entry('cache_id') >= SELFTEST_CACHES || !isDevice(entry('vdev_id')) ? 'EINVAL' : undefined;
    },
  },
};

const rowOf = (target: NestedHwpt | ViommuObject): InvalidationRow | undefined =>
  target.type === 'nested' ? ON_NESTED[target.driverName] : ON_VIOMMU[target.iommu.driver.name];

/** entry_num answers how many were handled, also on error. */
export function invalidate(context: IommufdContext, command: Command, user: UserPointers): IoctlResult {
  const count = command.u32('entry_num');
  const entryLength = command.u32('entry_len');
  const stop = (errno: Errno, why: string, handled = 0): IoctlResult =>
    fail(refuse(errno, why), { entry_num: handled });
  if (command.u32('__reserved') !== 0) return stop('EOPNOTSUPP', 'a reserved field is not 0');
  if (count > 0 && (user.entries === undefined || entryLength === 0)) return stop('EINVAL', 'entries without data');
  const target = context.objects.any(command.u32('hwpt_id'));
  if (target === undefined) return stop('ENOENT', 'there is no such object');
  if (target.type !== 'nested' && target.type !== 'viommu') return stop('EINVAL', 'nothing to invalidate there');
  const row = rowOf(target);
  if (row === undefined) return stop('EOPNOTSUPP', 'the driver does not invalidate for the user');
  if (command.u32('data_type') !== row.dataType) return stop('EINVAL', 'data_type is not the driver’s');
  const whole = target.type === 'viommu';
  if (whole && count > (user.entries?.length ?? 0)) return stop('EFAULT', 'the array ends before entry_num');
  const isDevice = (id: bigint): boolean => target.type === 'viommu' && target.virtualIds.has(id);
  for (let handled = 0; handled < count; handled++) {
    if (entryLength < row.entryLength) return stop('EINVAL', 'entry_len is too short', handled);
    const entry = user.entries![handled];
    if (entry === undefined) return stop('EFAULT', 'the array ends before entry_num', handled);
    const errno = row.refused((name) => entry.get(name) ?? 0n, isDevice);
    if (errno !== undefined) return stop(errno, 'the driver refuses the entry', handled);
  }
  return succeed({ entry_num: count });
}
