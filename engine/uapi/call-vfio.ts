// VFIO_* steps: container ioctls on the iommufd's compatibility layer or on type1, and VFIO_DEVICE_FEATURE.
import { refuse } from '../core/errno.ts';
import type { Refusal } from '../core/errno.ts';
import { BitRuns } from '../iommufd/user-bitmap.ts';
import {
  compatCheckExtension,
  compatGetInfo,
  compatMapDma,
  compatSetIommu,
  compatUnmapDma,
} from '../iommufd/vfio-compat.ts';
import * as vfio from '../iommufd/vfio-uapi.ts';
import type { FeatureAnswer } from '../vfio/device-feature.ts';
import { FEATURE_DMA_LOGGING_REPORT, FEATURE_GET, FEATURE_PROBE } from '../vfio/device-feature.ts';
import type { Type1Container } from '../vfio/type1.ts';
import { answered, bitmapFields, bitmapOf, refused } from './answers.ts';
import type { Answer, OutValue } from './answers.ts';
import type { Lab } from './lab.ts';
import type { Operands } from './operands.ts';

type VfioCall = (lab: Lab, operands: Operands) => Answer;

const ioctlReturn = (result: { readonly ok: true; readonly value: number } | Refusal): Answer =>
  result.ok ? answered({ return: result.value }) : refused(result);

const bitmapOfStep = (operands: Operands): vfio.VfioBitmap | undefined => {
  const bitmap = operands.fields('bitmap');
  return bitmap && { pgsize: bitmap.get('pgsize') ?? 0n, size: bitmap.get('size') ?? 0n };
};

function checkExtension(lab: Lab, operands: Operands): Answer {
  const extension = Number(operands.u64('extension'));
  if (lab.type1 === undefined) return ioctlReturn(compatCheckExtension(lab.context, extension));
  return answered({ return: lab.type1.container.checkExtension(extension) });
}

function setIommu(lab: Lab, operands: Operands): Answer {
  if (lab.type1 === undefined) return ioctlReturn(compatSetIommu(lab.context, Number(operands.u64('type'))));
  return refused(refuse('EINVAL', 'the container has its type already'));
}

function getInfo(lab: Lab, operands: Operands): Answer {
  const argsz = operands.has('argsz') ? operands.u32('argsz') : undefined;
  const result = lab.type1 === undefined ? compatGetInfo(lab.context, argsz) : lab.type1.container.getInfo(argsz);
  if (!result.ok) return refused(result);
  const info = result.value;
  const { migration, dmaAvail, iovaRanges } = info.capabilities ?? {};
  return answered({
    argsz: info.argsz,
    flags: info.flags,
    iova_pgsizes: info.iovaPgsizes,
    cap_offset: info.capOffset,
    migration:
      migration &&
      record({ pgsize_bitmap: migration.pgsizeBitmap, max_dirty_bitmap_size: migration.maxDirtyBitmapSize }),
    dma_avail: dmaAvail,
    iova_ranges: iovaRanges?.map(({ start, end }) => ({ start, end })),
  });
}

/** One object of numbers, as an output. */
const record = (fields: Readonly<Record<string, bigint>>): OutValue =>
  new Map(Object.entries(fields).map(([key, value]) => [key, Number(value)]));

function mapDma(lab: Lab, operands: Operands): Answer {
  const request = {
    argsz: operands.u32('argsz', vfio.MAP_MIN_SIZE),
    flags: operands.u32('flags'),
    vaddr: operands.u64('vaddr'),
    iova: operands.u64('iova'),
    size: operands.u64('size'),
  };
  const result = lab.type1 === undefined ? compatMapDma(lab.context, request) : lab.type1.container.mapDma(request);
  return result.ok ? answered() : refused(result);
}

function unmapDma(lab: Lab, operands: Operands): Answer {
  const bitmap = bitmapOfStep(operands);
  const full = vfio.UNMAP_MIN_SIZE + (bitmap === undefined ? 0 : vfio.BITMAP_SIZE);
  const request = {
    argsz: operands.u32('argsz', full),
    flags: operands.u32('flags'),
    iova: operands.u64('iova'),
    size: operands.u64('size'),
    bitmap,
  };
  if (lab.type1 === undefined) {
    const result = compatUnmapDma(lab.context, request);
    return result.ok ? answered({ size: result.size }) : refused(result, { size: result.size });
  }
  const { container } = lab.type1;
  const bits = rangeBits(container, request.iova, request.size);
  const runs = new BitRuns(bits);
  const result = container.unmapDma(request, runs);
  if (!result.ok) return refused(result);
  const reports = (request.flags & vfio.UNMAP_FLAG_GET_DIRTY_BITMAP) !== 0;
  return answered({ size: result.value, ...(reports ? bitmapFields(bitmapOf(runs, bits), lab) : {}) });
}

function dirtyPages(lab: Lab, operands: Operands): Answer {
  if (lab.type1 === undefined) return refused(refuse('ENOTTY', 'no such ioctl here'));
  const { container } = lab.type1;
  if (!container.v2) return refused(refuse('EACCES', 'type1 v1 does not track'));
  lab.spendOnPinnedRead();
  const argsz = operands.u32('argsz', vfio.DIRTY_PAGES_MIN_SIZE + vfio.GET_BITMAP_SIZE);
  const flags = operands.u32('flags');
  switch (argsz < vfio.DIRTY_PAGES_MIN_SIZE ? 0 : flags) {
    case vfio.DIRTY_PAGES_START: {
      const result = container.startTracking();
      return result.ok ? answered() : refused(result);
    }
    case vfio.DIRTY_PAGES_STOP:
      container.stopTracking();
      return answered();
    case vfio.DIRTY_PAGES_GET_BITMAP: {
      if (argsz < vfio.DIRTY_PAGES_MIN_SIZE + vfio.GET_BITMAP_SIZE) return refused(refuse('EINVAL', 'argsz too small'));
      const iova = operands.u64('iova');
      const size = operands.u64('size');
      const bits = rangeBits(container, iova, size);
      const runs = new BitRuns(bits);
      const bitmap = bitmapOfStep(operands) ?? { pgsize: 0n, size: 0n };
      const result = container.getDirtyBitmap({ iova, size, bitmap }, runs);
      return result.ok ? answered(bitmapFields(bitmapOf(runs, bits), lab)) : refused(result);
    }
    default:
      return refused(refuse('EINVAL', 'argsz too small, an unknown flag, or not exactly one'));
  }
}

/** Bits from the base of a range's bitmap to its end. */
function rangeBits(container: Type1Container, iova: bigint, size: bigint): number {
  const firstPage = Number(iova >> 12n);
  const leadIn = BigInt(firstPage - container.bitmapBase(firstPage)) * 4096n;
  return Number((size + leadIn) / container.pageSize);
}

function deviceFeature(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const feature = operands.u32('feature');
  const operation = operands.u32('op');
  const ranges = operands.objects('ranges')?.map((range) => ({
    iova: range.get('iova') ?? 0n,
    length: range.get('length') ?? 0n,
  }));
  const length = operands.u64('length');
  const pageSize = operands.u64('page_size');
  const bits = pageSize === 0n ? 0 : Number(length / pageSize);
  const runs = new BitRuns(bits);
  const result = device.vfio.feature(
    {
      flags: feature | operation,
      ...(operands.has('argsz') ? { argsz: operands.u32('argsz') } : {}),
      fields: {
        deviceState: operands.u32('device_state'),
        pageSize,
        ...(operands.has('num_ranges') ? { numRanges: operands.u32('num_ranges') } : {}),
        ...(ranges === undefined ? {} : { ranges }),
        iova: operands.u64('iova'),
        length,
      },
    },
    runs,
  );
  if (!result.ok) return refused(result, featureFields(result.answer ?? {}));
  const reports =
    feature === FEATURE_DMA_LOGGING_REPORT && operation === FEATURE_GET && (operation & FEATURE_PROBE) === 0;
  return answered({ ...featureFields(result.value), ...(reports ? bitmapFields(bitmapOf(runs, bits), lab) : {}) });
}

const featureFields = (answer: FeatureAnswer): Record<string, OutValue | undefined> => ({
  flags: answer.flags,
  device_state: answer.deviceState,
  data_fd: answer.dataFd,
  stop_copy_length: answer.stopCopyLength,
  page_size: answer.pageSize,
});

export const VFIO_CALLS: Readonly<Record<string, VfioCall>> = {
  VFIO_GET_API_VERSION: () => answered({ return: 0 }),
  VFIO_CHECK_EXTENSION: checkExtension,
  VFIO_SET_IOMMU: setIommu,
  VFIO_IOMMU_GET_INFO: getInfo,
  VFIO_IOMMU_MAP_DMA: mapDma,
  VFIO_IOMMU_UNMAP_DMA: unmapDma,
  VFIO_IOMMU_DIRTY_PAGES: dirtyPages,
  VFIO_DEVICE_FEATURE: deviceFeature,
};
