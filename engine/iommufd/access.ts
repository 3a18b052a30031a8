// An in-kernel user of an IOAS, as an emulated (mediated) device is one: pins pages, reads and writes them with the CPU.
//
// What it writes is dirty in the host's sense only: no HWPT's bitmap shows it. When an area with pins is unmapped the
// driver is told and drops every pin that touches it; pinning and unpinning are by range. What it may do is decided by how
// the memory was mapped first (kernel: pages->writable), not by the area it goes through: a read-only COPY of writable memory
// can be written, and memory mapped for writing alone can be read.
// Sources: drivers/iommu/iommufd/device.c iommufd_access_pin_pages(), iommufd_access_rw(); selftest.c
// iommufd_test_access_unmap() for the driver.
import { ok, refuse } from '../core/errno.ts';
import type { Errno, Outcome } from '../core/errno.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { Span } from './address.ts';
import { intersects } from './address.ts';
import type { Area } from './area.ts';
import type { Ioas, IoasUser } from './ioas.ts';

export class Access implements IoasUser {
  readonly alignment: number;
  readonly ioas: Ioas;
  private readonly pins = new Map<number, Span>();
  private nextPin = 1;

  constructor(ioas: Ioas, needsPinPages: boolean) {
    this.ioas = ioas;
    this.alignment = needsPinPages ? PAGE_SIZE : 1;
  }

  /** Pins the pages of a range; answers a name for the pin. All or nothing. */
  pin(span: Span, write: boolean): Outcome<number> {
    if (this.alignment !== PAGE_SIZE) return refuse('EINVAL', 'the access was made without pins');
    const taken: { area: Area; first: number; last: number }[] = [];
    let errno: Errno | undefined;
    const complete = this.ioas.forEachContiguous(span, (area, part) => {
      const first = area.indexAt(part.startPage, part.startOffset);
      const last = area.indexAt(part.lastPage, part.lastOffset);
      errno = this.pinArea(area, part, span, write, first, last);
      if (errno !== undefined) return false;
      area.accesses++;
      taken.push({ area, first, last });
      return true;
    });
    if (!complete) {
      for (const { area, first, last } of taken) {
        area.accesses--;
        area.pages.unpin(first, last);
      }
      return refuse(errno ?? 'ENOENT', 'the range cannot be pinned');
    }
    const pin = this.nextPin++;
    this.pins.set(pin, span);
    return ok(pin);
  }

  unpin(pin: number): Outcome<undefined> {
    const span = this.pins.get(pin);
    if (span === undefined) return refuse('ENOENT', 'no such pin, or an unmap has dropped it');
    this.pins.delete(pin);
    this.ioas.forEachContiguous(span, (area, part) => {
      area.accesses--;
      area.pages.unpin(area.indexAt(part.startPage, part.startOffset), area.indexAt(part.lastPage, part.lastOffset));
    });
    return ok(undefined);
  }

  /** Unpins every pin that lies exactly at this range. */
  unpinRange(span: Span): boolean {
    for (const [pin, held] of this.pins) {
      if (held.startPage === span.startPage && held.lastPage === span.lastPage) {
        this.unpin(pin);
        return true;
      }
    }
    return false;
  }

  dropPins(span: Span): void {
    for (const [pin, held] of [...this.pins]) if (intersects(held, span)) this.unpin(pin);
  }

  dropAllPins(): void {
    for (const pin of [...this.pins.keys()]) this.unpin(pin);
  }

  /** Copies by CPU, any alignment; what lies before a hole is copied. */
  rw(span: Span, write: boolean): Outcome<undefined> {
    let errno: Errno | undefined;
    const complete = this.ioas.forEachContiguous(span, (area, part) => {
      errno = copyFault(area, part, write);
      return errno === undefined;
    });
    return complete ? ok(undefined) : refuse(errno ?? 'ENOENT', 'the range cannot be copied');
  }

  private pinArea(area: Area, part: Span, whole: Span, write: boolean, first: number, last: number): Errno | undefined {
    const reachesEnd = part.lastPage === whole.lastPage && part.lastOffset === whole.lastOffset;
    const aligned =
      area.offsetAt(part.startOffset) === 0 && (reachesEnd || area.offsetAt(area.lastOffset) === PAGE_SIZE - 1);
    if (area.preventAccess || !aligned) return 'EINVAL';
    if (write && !area.pages.writable) return 'EPERM';
    const fault = area.pages.pinFault(first, last);
    if (fault !== undefined) return fault;
    return area.pages.pin(first, last) ? undefined : 'ENOMEM';
  }
}

function copyFault(area: Area, part: Span, write: boolean): Errno | undefined {
  if (area.preventAccess) return 'EINVAL';
  const { pages } = area;
  if (write && !pages.writable) return 'EPERM';
  const first = pages.firstPage + area.indexAt(part.startPage, part.startOffset);
  const count = pages.firstPage + area.indexAt(part.lastPage, part.lastOffset) - first + 1;
  for (let done = 0; done < count;) {
    const there = pages.source.contiguous(first + done, count - done);
    if (there === 0) return pages.source.missing;
    done += there;
  }
  return undefined;
}
