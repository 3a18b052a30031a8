// IOAS_ALLOC, IOVA_RANGES, ALLOW_IOVAS, OPTION, VFIO_IOAS, DESTROY.
// Sources: drivers/iommu/iommufd/ioas.c, main.c iommufd_option(), vfio_compat.c iommufd_vfio_ioas().
import { refuse } from '../core/errno.ts';
import { lastOf, startOf } from './address.ts';
import type { IommufdContext } from './context.ts';
import type { Command } from './framing.ts';
import { destroyObject } from './hwpt.ts';
import { fail, succeed } from './ioctl-types.ts';
import type { IoctlResult, UserPointers } from './ioctl-types.ts';
import { isRefusal } from './objects.ts';

const unknownBits = refuse('EOPNOTSUPP', 'a flag is unknown or a reserved field is not 0');

export function ioasAlloc(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('flags') !== 0) return unknownBits;
  return succeed({ out_ioas_id: context.allocateIoas().id });
}

export function destroy(context: IommufdContext, command: Command): IoctlResult {
  const result = destroyObject(context, command.u32('id'));
  return result.ok ? succeed() : result;
}

/** Writes as many ranges as fit, always the total and the alignment. */
export function iovaRanges(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('__reserved') !== 0) return unknownBits;
  const object = context.objects.get(command.u32('ioas_id'), 'ioas');
  if (isRefusal(object)) return object;
  const capacity = command.u32('num_iovas');
  const ranges = object.ioas.iovaRanges;
  const out = {
    num_iovas: ranges.length,
    allowed_iovas: ranges.slice(0, capacity).map((span) => ({ start: startOf(span), last: lastOf(span) })),
    out_iova_alignment: object.ioas.alignment,
  };
  return ranges.length > capacity ? fail(refuse('EMSGSIZE', 'more ranges than the array holds'), out) : succeed(out);
}

export function allowIovas(context: IommufdContext, command: Command, user: UserPointers): IoctlResult {
  if (command.u32('__reserved') !== 0) return unknownBits;
  const object = context.objects.get(command.u32('ioas_id'), 'ioas');
  if (isRefusal(object)) return object;
  const count = command.u32('num_iovas');
  const given = user.ranges ?? [];
  const allowed = object.ioas.allow(given.slice(0, count), count > given.length);
  return allowed.ok ? succeed() : allowed;
}

const OPTION_RLIMIT_MODE = 0;
const OPTION_HUGE_PAGES = 1;
const OP_SET = 0;
const OP_GET = 1;

export function option(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('__reserved') !== 0) return unknownBits;
  switch (command.u32('option_id')) {
    case OPTION_RLIMIT_MODE:
      return rlimitMode(context, command);
    case OPTION_HUGE_PAGES:
      return hugePages(context, command);
    default:
      return refuse('EOPNOTSUPP', 'unknown option');
  }
}

/** The caller has CAP_SYS_RESOURCE. */
function rlimitMode(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('object_id') !== 0) return refuse('EOPNOTSUPP', 'the option belongs to no object');
  const value = command.u64('val64');
  switch (command.u32('op')) {
    case OP_GET:
      return succeed({ val64: context.mode === 'mm' ? 1 : 0 });
    case OP_SET:
      if (!context.objects.empty) return refuse('EBUSY', 'there are objects already');
      if (value > 1n) return refuse('EINVAL', 'the mode is 0 or 1');
      context.mode = value === 1n ? 'mm' : 'user';
      return succeed({ val64: value });
    default:
      return refuse('EOPNOTSUPP', 'unknown operation');
  }
}

function hugePages(context: IommufdContext, command: Command): IoctlResult {
  const object = context.objects.get(command.u32('object_id'), 'ioas');
  if (isRefusal(object)) return object;
  const value = command.u64('val64');
  switch (command.u32('op')) {
    case OP_GET:
      return succeed({ val64: object.ioas.largePages ? 1 : 0 });
    case OP_SET: {
      if (value > 1n) return refuse('EINVAL', 'the value is 0 or 1');
      const set = object.ioas.setLargePages(value === 1n);
      return set.ok ? succeed({ val64: value }) : set;
    }
    default:
      return refuse('EOPNOTSUPP', 'unknown operation');
  }
}

const VFIO_IOAS_GET = 0;
const VFIO_IOAS_SET = 1;
const VFIO_IOAS_CLEAR = 2;

export function vfioIoas(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('__reserved') !== 0) return unknownBits;
  switch (command.u32('op')) {
    case VFIO_IOAS_GET:
      if (context.compatIoas === undefined) return refuse('ENODEV', 'there is no compatibility IOAS');
      return succeed({ ioas_id: context.compatIoas.id });
    case VFIO_IOAS_SET: {
      const object = context.objects.get(command.u32('ioas_id'), 'ioas');
      if (isRefusal(object)) return object;
      context.compatIoas = object;
      return succeed({ ioas_id: object.id });
    }
    case VFIO_IOAS_CLEAR:
      context.compatIoas = undefined;
      return succeed();
    default:
      return refuse('EOPNOTSUPP', 'unknown operation');
  }
}
