// Groups of a type1 container: attaching and detaching them, and what mediated devices do through it (pins, CPU copies).
// Source: drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_attach_group(), _detach_group(), _pin_pages(), _dma_rw();
// drivers/vfio/container.c vfio_device_container_pin_pages().
import { done, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { U64_MAX, lastOf, startOf } from '../iommufd/address.ts';
import type { Span } from '../iommufd/address.ts';
import type { PhysicalDevice } from '../iommufd/hardware.ts';
import { HwDomain, READ, WRITE } from '../iommufd/hw-domain.ts';
import { hideSubPages } from '../iommufd/vfio-uapi.ts';
import type { EmulatedGroup, Type1Container } from './type1.ts';
import { refreshed, widened, withAperture, without } from './valid-iova.ts';
import type { ValidRange } from './valid-iova.ts';

/** VFIO_PIN_PAGES_MAX_ENTRIES. */
const PIN_PAGES_MAX = 512;

const rangeOf = (span: Span): ValidRange => ({ start: startOf(span), end: lastOf(span) });

export class Type1Groups {
  readonly container: Type1Container;
  private readonly members = new Map<HwDomain, PhysicalDevice[]>();

  constructor(container: Type1Container) {
    this.container = container;
  }

  domainOf(device: PhysicalDevice): HwDomain | undefined {
    for (const [domain, devices] of this.members) if (devices.includes(device)) return domain;
    return undefined;
  }

  /** A group behind an IOMMU; answers the domain it ends in. */
  attach(device: PhysicalDevice): Outcome<HwDomain> {
    const { container } = this;
    if (container.vaddrInvalidCount > 0) return refuse('EBUSY', 'a vaddr is invalid');
    if (this.domainOf(device) !== undefined) return refuse('EINVAL', 'the group is attached');
    const aperture = rangeOf(device.iommu.aperture);
    const regions = device.reserved.map(rangeOf);
    if (this.apertureConflicts(aperture)) return refuse('EINVAL', 'the aperture does not fit the mappings');
    if (device.reserved.some((region) => container.dmas.firstIntersecting(region) !== undefined)) {
      return refuse('EINVAL', 'a mapping lies in a reserved region');
    }
    const ranges = without(withAperture(container.validRanges, aperture), regions);
    if (ranges === undefined) return refuse('EINVAL', 'no valid IOVA is left');
    const shared = container.domains.find(
      (domain) => domain.iommu.driver === device.iommu.driver && domain.suits(device),
    );
    const domain = shared ?? new HwDomain(device.iommu, { dirtyTracking: false, nestParent: false });
    if (shared === undefined) {
      const replayed = this.replay(domain);
      if (!replayed.ok) return replayed;
      container.domains = [domain, ...container.domains];
      this.members.set(domain, []);
      this.updatePageSizes();
    }
    this.members.get(domain)!.push(device);
    container.validRanges = ranges;
    container.nonPinnedGroups++;
    return { ok: true, value: domain };
  }

  /** A mediated device: it cannot dirty memory but through interfaces that report it. */
  attachEmulated(group: EmulatedGroup): Outcome<undefined> {
    const { container } = this;
    if (container.vaddrInvalidCount > 0) return refuse('EBUSY', 'a vaddr is invalid');
    if (container.emulated.includes(group)) return refuse('EINVAL', 'the group is attached');
    container.emulated = [...container.emulated, group];
    return done;
  }

  detach(device: PhysicalDevice): void {
    const { container } = this;
    const domain = this.domainOf(device);
    if (domain === undefined) return;
    const devices = this.members.get(domain)!;
    devices.splice(devices.indexOf(device), 1);
    let ranges: readonly ValidRange[] = container.validRanges;
    if (devices.length === 0) {
      if (container.domains.length === 1) this.dropMappings();
      container.domains = container.domains.filter((other) => other !== domain);
      this.members.delete(domain);
      ranges = widened(
        ranges,
        container.domains.map((other) => rangeOf(other.iommu.aperture)),
      );
      this.updatePageSizes();
    }
    const left = [...this.members.values()].flat().flatMap((other) => other.reserved.map(rangeOf));
    container.validRanges = refreshed(ranges, left) ?? container.validRanges;
    container.nonPinnedGroups--;
    if (container.tracking) {
      container.dmas.forEach((dma) => {
        dma.markAllDirty();
      });
    }
  }

  detachEmulated(group: EmulatedGroup): void {
    const { container } = this;
    if (!container.emulated.includes(group)) return;
    container.emulated = container.emulated.filter((other) => other !== group);
    if (container.emulated.length === 0 && container.domains.length === 0) container.removeAll();
  }

  /** vfio_pin_pages(): all or nothing, but dirty bits of pages pinned before a failure stay. */
  pin(group: EmulatedGroup, firstPage: number, pages: number, write: boolean): Outcome<undefined> {
    const { container } = this;
    if (pages <= 0 || !container.emulated.includes(group)) return refuse('EINVAL', 'nothing to pin, or not attached');
    if (pages > PIN_PAGES_MAX) return refuse('E2BIG', 'more than 512 pages');
    if (!container.v2) return refuse('EACCES', 'type1 v1 offers no pins');
    if (container.vaddrInvalidCount > 0) return refuse('EBUSY', 'a vaddr is invalid');
    for (let i = 0; i < pages; i++) {
      const pinned = this.pinPage(firstPage + i, write);
      if (pinned.ok) continue;
      for (let j = 0; j < i; j++) this.unpinPage(firstPage + j);
      return pinned;
    }
    return done;
  }

  /** vfio_unpin_pages(): stops at a page that is not mapped. */
  unpin(firstPage: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      if (this.container.dmas.at(firstPage + i, 0) === undefined) return;
      this.unpinPage(firstPage + i);
    }
  }

  /** vfio_dma_rw(): a copy by the CPU, mapping by mapping. READ is needed even to write. */
  rw(span: Span, write: boolean): Outcome<undefined> {
    const { container } = this;
    if (container.vaddrInvalidCount > 0) return refuse('EBUSY', 'a vaddr is invalid');
    for (let page = span.startPage; page <= span.lastPage;) {
      const dma = container.dmas.at(page, 0);
      if (dma === undefined) return refuse('EINVAL', 'not mapped');
      if ((dma.access & READ) === 0 || (write && (dma.access & WRITE) === 0)) return refuse('EPERM', 'not permitted');
      const count = Math.min(span.lastPage, dma.lastPage) - page + 1;
      const first = page - dma.startPage;
      if (!isThere(container, dma.vaddrPage + first, count)) return refuse('EFAULT', 'memory is not there');
      if (write && container.tracking) dma.markDirty(first, count);
      page += count;
    }
    return done;
  }

  private pinPage(page: number, write: boolean): Outcome<undefined> {
    const { container } = this;
    const dma = container.dmas.at(page, 0);
    if (dma === undefined) return refuse('EINVAL', 'the page is not mapped');
    const needed = write ? READ | WRITE : READ;
    if ((dma.access & needed) !== needed) return refuse('EPERM', 'the mapping does not permit it');
    const index = page - dma.startPage;
    const held = dma.pins.get(index) ?? 0;
    if (held > 0) {
      dma.pins.set(index, held + 1);
      return done;
    }
    if (container.memory.frame(dma.vaddrPage + index) < 0) return refuse('EFAULT', 'memory is not there');
    // With an IOMMU in the container the page is pinned and charged already.
    if (!dma.iommuMapped && !container.account.charge('mm', 1)) return refuse('ENOMEM', 'RLIMIT_MEMLOCK');
    dma.pins.set(index, 1);
    if (container.tracking) dma.markDirty(index, 1);
    return done;
  }

  private unpinPage(page: number): void {
    const dma = this.container.dmas.at(page, 0);
    const index = dma === undefined ? 0 : page - dma.startPage;
    const held = dma?.pins.get(index) ?? 0;
    if (dma === undefined || held === 0) return;
    if (held > 1) {
      dma.pins.set(index, held - 1);
      return;
    }
    dma.pins.delete(index);
    if (!dma.iommuMapped) this.container.account.release('mm', 1);
  }

  /** vfio_iommu_aper_conflict(). */
  private apertureConflicts(aperture: ValidRange): boolean {
    const { container } = this;
    const first = container.validRanges[0];
    const last = container.validRanges.at(-1);
    if (first === undefined || last === undefined) return false;
    if (aperture.start > last.end || aperture.end < first.start) return true;
    const mapped = (start: bigint, end: bigint): boolean =>
      container.dmas.firstIn(Number(start >> 12n), Number(start & 0xfffn), Number(end >> 12n), Number(end & 0xfffn)) !==
      undefined;
    if (aperture.start > first.start && mapped(first.start, aperture.start - 1n)) return true;
    return aperture.end < last.end && mapped(aperture.end + 1n, last.end);
  }

  /** vfio_iommu_replay(): puts every mapping into a new domain. */
  private replay(domain: HwDomain): Outcome<undefined> {
    const { container } = this;
    const wereMapped = container.domains.length > 0;
    for (let dma = container.dmas.first(); dma !== undefined; dma = container.dmas.after(dma)) {
      const slice = { source: container.memory, firstPage: dma.vaddrPage, offset: 0 };
      const failure = wereMapped ? domain.map(dma, slice, dma.access, false) : container.pinAndMap(dma, [domain]);
      if (failure === undefined) continue;
      for (let undo = container.dmas.first(); undo !== undefined && undo !== dma; undo = container.dmas.after(undo)) {
        domain.unmap(undo);
        if (wereMapped) continue;
        undo.iommuMapped = false;
        container.account.release('mm', undo.pages - undo.pins.size);
      }
      return refuse(failure, 'a mapping cannot be put into the domain');
    }
    return done;
  }

  /** The last IOMMU goes: with a mediated device left, mappings stay without their IOMMU pins; else they go too. */
  private dropMappings(): void {
    const { container } = this;
    if (container.emulated.length === 0) {
      container.removeAll();
      return;
    }
    container.dmas.forEach((dma) => {
      container.unmapFromDomains(dma);
    });
  }

  private updatePageSizes(): void {
    const { container } = this;
    let sizes = U64_MAX;
    for (const domain of container.domains) {
      sizes &= domain.iommu.config.pageSizes.reduce((bitmap, size) => bitmap | BigInt(size), 0n);
    }
    // Domains without a common size leave nothing; the kernel's __ffs(0) is undefined, so 4 KiB it is.
    container.pageSizes = sizes === 0n ? 0x1000n : hideSubPages(sizes);
  }
}

function isThere(container: Type1Container, firstPage: number, count: number): boolean {
  for (let done = 0; done < count;) {
    const there = container.memory.contiguous(firstPage + done, count - done);
    if (there === 0) return false;
    done += there;
  }
  return true;
}
