// The lab verbs: what no ioctl does, but a device, a CPU or the kernel itself.
import { refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { Access } from '../iommufd/access.ts';
import { U64_MAX, offsetOf, pageOf, pageSpan, spanOf } from '../iommufd/address.ts';
import type { Span } from '../iommufd/address.ts';
import { attachDevice, detachDevice, replaceDevice } from '../iommufd/attach.ts';
import type { HwDomain } from '../iommufd/hw-domain.ts';
import { isRefusal } from '../iommufd/objects.ts';
import type { AccessObject } from '../iommufd/objects.ts';
import { answered, hex, refused } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Lab, LabDevice, Type1Lab } from './lab.ts';
import type { Operands } from './operands.ts';

type Verb = (lab: Lab, operands: Operands) => Answer;

const nothing = (result: Outcome<unknown>): Answer => (result.ok ? answered() : refused(result));

/** Owner of ranges reserved without a device. */
const TEST = {};

function attach(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  if (lab.type1 !== undefined) return attachToContainer(lab.type1, device);
  const to = operands.u32('to');
  if (device.bound === undefined) return attachMediated(lab, device, to);
  const attached = attachDevice(lab.context, device.bound, to);
  return attached.ok ? answered({ pt_id: attached.value }) : refused(attached);
}

function attachToContainer(type1: Type1Lab, device: LabDevice): Answer {
  if (device.physical === undefined) {
    const attached = type1.groups.attachEmulated(device.mediated!);
    return attached.ok ? answered({ pt_id: 0 }) : refused(attached);
  }
  const attached = type1.groups.attach(device.physical);
  if (!attached.ok) return refused(attached);
  const { domainIds } = type1;
  const id = domainIds.get(attached.value) ?? domainIds.size + 1;
  domainIds.set(attached.value, id);
  return answered({ pt_id: id });
}

/** A mediated device on an iommufd: an access with pins. */
function attachMediated(lab: Lab, device: LabDevice, to: number): Answer {
  if (device.access !== undefined) return refused(refuse('EBUSY', 'the device is attached already'));
  const made = newAccess(lab, to, true);
  if (!made.ok) return refused(made);
  device.access = made.value;
  return answered({ pt_id: to });
}

function replace(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const to = operands.u32('to');
  if (device.bound !== undefined) {
    const replaced = replaceDevice(lab.context, device.bound, to);
    return replaced.ok ? answered({ pt_id: replaced.value }) : refused(replaced);
  }
  if (device.access === undefined) return refused(refuse('EINVAL', 'the device is not attached'));
  if (device.access.ioas.id === to) return answered({ pt_id: to });
  const made = newAccess(lab, to, true);
  if (!made.ok) return refused(made);
  lab.context.removeAccess(device.access);
  device.access = made.value;
  return answered({ pt_id: to });
}

function detach(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  if (device.bound !== undefined) detachDevice(lab.context, device.bound);
  if (device.access !== undefined) lab.context.removeAccess(device.access);
  device.access = undefined;
  if (lab.type1 !== undefined) {
    device.mediated?.dropAll();
    if (device.mediated !== undefined) lab.type1.groups.detachEmulated(device.mediated);
    if (device.physical !== undefined) lab.type1.groups.detach(device.physical);
  }
  return answered();
}

/** Every byte in page order, up to the first that faults. */
function dma(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const write = operands.text('op') === 'write';
  const iova = operands.u64('iova');
  const length = operands.u64('length');
  if (length === 0n) return answered({ bytes: 0 });
  const domain = lab.domainOf(device);
  const wraps = iova + length - 1n > U64_MAX;
  const last = wraps ? U64_MAX : iova + length - 1n;
  const done = domain === undefined ? 0n : transfer(lab, device, domain, write, iova, last);
  if (done === last - iova + 1n && !wraps) return answered({ bytes: done });
  return refused(refuse('EFAULT', 'a byte is not mapped, not permitted, or the device is not attached'), {
    bytes: done,
  });
}

/** What one access of a device counts for: a walk through the table. */
const ACCESS_WORK = 8;

/** Answers the bytes done. */
function transfer(lab: Lab, device: LabDevice, domain: HwDomain, write: boolean, iova: bigint, last: bigint): bigint {
  const first = domain.granule(pageOf(iova), offsetOf(iova));
  const end = domain.granule(pageOf(last), offsetOf(last));
  const { logger } = device.vfio;
  for (let granule = first; granule <= end;) {
    lab.spend(ACCESS_WORK, 'args.length');
    const reach = Math.min(domain.accessFrom(granule, write), end - granule + 1);
    if (reach === 0) {
      const reached = BigInt(granule) * BigInt(domain.granuleSize);
      return reached > iova ? reached - iova : 0n;
    }
    if (write && logger?.active === true) {
      const firstPage = Math.floor(granule / domain.granulesPerPage);
      const lastPage = Math.floor((granule + reach - 1) / domain.granulesPerPage);
      lab.spend(lastPage - firstPage, 'args.length');
      logger.write(firstPage, lastPage - firstPage + 1);
    }
    granule += reach;
  }
  return last - iova + 1n;
}

function vcpu(lab: Lab, operands: Operands): Answer {
  const end = operands.u64('gpa') + operands.u64('length');
  return end > lab.spec.memorySize ? refused(refuse('EFAULT', 'outside guest memory')) : answered();
}

function allocBuffer(lab: Lab, operands: Operands): Answer {
  return answered({ buffer: lab.newBuffer(operands.u64('length'), operands.u32('fill')) });
}

function readBuffer(lab: Lab, operands: Operands): Answer {
  const bytes = lab.buffers.get(operands.u64('buffer'));
  if (bytes === undefined) return refused(refuse('ENOENT', 'no such buffer'));
  const offset = operands.u64('offset');
  const size = BigInt(bytes.length);
  const length = operands.has('length') ? operands.u64('length') : size > offset ? size - offset : 0n;
  if (offset + length > size) return refused(refuse('EFAULT', 'outside the buffer'));
  lab.spend(Number(length), 'args.length');
  return answered({ hex: hex(bytes.subarray(Number(offset), Number(offset + length))) });
}

function reserve(lab: Lab, operands: Operands): Answer {
  const start = operands.u64('start');
  const length = operands.u64('length');
  if (length === 0n) return refused(refuse('EINVAL', 'the length is 0'));
  const span = spanOf(start, length);
  if (span === undefined) return refused(refuse('EOVERFLOW', 'the range wraps'));
  const ioas = lab.context.objects.get(operands.u32('ioas'), 'ioas');
  return isRefusal(ioas) ? refused(ioas) : nothing(ioas.ioas.reserve(span, TEST));
}

function newAccess(lab: Lab, ioasId: number, needsPinPages: boolean): Outcome<AccessObject> {
  const { context } = lab;
  const id = context.objects.allocateId();
  const object = context.objects.get(ioasId, 'ioas');
  if (isRefusal(object)) return object;
  const access = new Access(object.ioas, needsPinPages);
  const added = object.ioas.addUser(access);
  if (!added.ok) return added;
  return { ok: true, value: context.addAccess(id, access, object) };
}

function createAccess(lab: Lab, operands: Operands): Answer {
  const made = newAccess(lab, operands.u32('ioas'), operands.flag('needs_pin_pages', true));
  return made.ok ? answered({ access: made.value.id }) : refused(made);
}

function destroyAccess(lab: Lab, operands: Operands): Answer {
  const object = lab.context.objects.get(operands.u32('access'), 'access');
  if (isRefusal(object)) return refused(object);
  lab.context.removeAccess(object);
  return answered();
}

/** The access and the range of a step, or what is wrong with them. */
function accessRange(
  lab: Lab,
  operands: Operands,
): { readonly access: Access; readonly span: Span } | { readonly answer: Answer } {
  const object = lab.context.objects.get(operands.u32('access'), 'access');
  if (isRefusal(object)) return { answer: refused(object) };
  const length = operands.u64('length');
  if (length === 0n) return { answer: refused(refuse('EINVAL', 'the length is 0')) };
  const span = spanOf(operands.u64('iova'), length);
  if (span === undefined) return { answer: refused(refuse('EOVERFLOW', 'the range wraps')) };
  return { access: object.access, span };
}

function pinAccess(lab: Lab, operands: Operands): Answer {
  const range = accessRange(lab, operands);
  if ('answer' in range) return range.answer;
  const pinned = range.access.pin(range.span, operands.flag('write', false));
  return pinned.ok ? answered({ pin: pinned.value }) : refused(pinned);
}

function unpinAccess(lab: Lab, operands: Operands): Answer {
  const object = lab.context.objects.get(operands.u32('access'), 'access');
  if (isRefusal(object)) return refused(object);
  return nothing(object.access.unpin(Number(operands.u64('pin'))));
}

function copyAccess(lab: Lab, operands: Operands): Answer {
  const range = accessRange(lab, operands);
  if ('answer' in range) return range.answer;
  return nothing(range.access.rw(range.span, operands.text('op') === 'write'));
}

function pinMediated(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const iova = operands.u64('iova');
  const pages = operands.u32('npage') | 0;
  const write = operands.flag('write', true);
  if (lab.type1 === undefined) {
    if (pages <= 0 || device.access === undefined) return refused(refuse('EINVAL', 'nothing to pin, or not attached'));
    const span = spanOf(iova & ~0xfffn, BigInt(pages) * 4096n);
    if (span === undefined) return refused(refuse('EOVERFLOW', 'the range wraps'));
    return nothing(device.access.access.pin(span, write));
  }
  const wraps = pages > 0 && spanOf(iova, BigInt(pages) * 4096n) === undefined;
  const { groups, container } = lab.type1;
  const attached = container.emulated.includes(device.mediated!);
  if (wraps && attached && container.v2 && pages <= 512) return refused(refuse('EOVERFLOW', 'the range wraps'));
  const firstPage = pageOf(iova);
  lab.spendOnPins(Math.max(0, Math.min(pages, 512)));
  const pinned = groups.pin(device.mediated!, firstPage, pages, write);
  if (pinned.ok) device.mediated!.pinned(firstPage, pages);
  return nothing(pinned);
}

/** vfio_unpin_pages() returns nothing. */
function unpinMediated(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const firstPage = pageOf(operands.u64('iova'));
  const pages = Math.min(operands.u32('npage'), 512);
  if (lab.type1 === undefined) {
    if (pages > 0) device.access?.access.unpinRange(pageSpan(firstPage, pages));
  } else if (lab.type1.container.v2) {
    lab.type1.groups.unpin(firstPage, pages);
    device.mediated!.unpinned(firstPage, pages);
  }
  return answered();
}

/** Dirty bits set at the cost of one piece of work. */
const PAGES_PER_WORK = 8;

function copyMediated(lab: Lab, operands: Operands): Answer {
  const device = lab.device(operands.text('device'));
  const length = operands.u64('length');
  const write = operands.text('op') === 'write';
  const attached = lab.type1 ? lab.type1.container.emulated.includes(device.mediated!) : device.access !== undefined;
  if (length === 0n || !attached) return refused(refuse('EINVAL', 'nothing to copy, or not attached'));
  const span = spanOf(operands.u64('iova'), length);
  if (lab.type1 !== undefined) {
    if (span === undefined) return refused(refuse('EINVAL', 'not mapped'));
    lab.spend((span.lastPage - span.startPage) / PAGES_PER_WORK, 'args.length');
    return nothing(lab.type1.groups.rw(span, write));
  }
  if (span === undefined) return refused(refuse('EOVERFLOW', 'the range wraps'));
  return nothing(device.access!.access.rw(span, write));
}

function walk(lab: Lab, operands: Operands): Answer {
  const domain = lab.domainById(operands.u32('hwpt'));
  const iova = operands.u64('iova');
  const leaf = domain?.table.walk(domain.granule(pageOf(iova), offsetOf(iova)));
  if (domain === undefined || leaf === undefined) return refused(refuse('ENOENT', 'not mapped'));
  const granule = BigInt(domain.granuleSize);
  const leafIova = BigInt(leaf.first) * granule;
  return answered({
    leaf_iova: leafIova,
    leaf_size: BigInt(leaf.count) * granule,
    pa: BigInt(leaf.pa) * granule + iova - leafIova,
    readable: leaf.readable,
    writable: leaf.writable,
    dirty: leaf.dirty,
    pte: domain.iommu.config.format === 'mock' ? undefined : leaf.pte,
  });
}

export const VERBS: Readonly<Record<string, Verb>> = {
  'device.attach': attach,
  'device.replace': replace,
  'device.detach': detach,
  'device.dma': dma,
  'vcpu.write': vcpu,
  'vcpu.read': vcpu,
  'buffer.alloc': allocBuffer,
  'buffer.read': readBuffer,
  'ioas.reserve': reserve,
  'access.create': createAccess,
  'access.destroy': destroyAccess,
  'access.pin': pinAccess,
  'access.unpin': unpinAccess,
  'access.rw': copyAccess,
  'mdev.pin': pinMediated,
  'mdev.unpin': unpinMediated,
  'mdev.rw': copyMediated,
  'pins.count': (lab) => answered({ locked_pages: lab.account.pages }),
  'table.walk': walk,
};
