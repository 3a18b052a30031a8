// Linux error numbers (include/uapi/asm-generic/errno-base.h and errno.h; the same on x86-64 and arm64), and the value
// with which the model refuses what the kernel would refuse. A refusal is a result, not an exception: callers must look.

export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENOSYS: 38,
  ENOMSG: 42,
  ENODATA: 61,
  ETIME: 62,
  EPROTO: 71,
  EBADMSG: 74,
  EOVERFLOW: 75,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EALREADY: 114,
  EINPROGRESS: 115,
  ECANCELED: 125,
} as const satisfies Record<string, number>;

/** The name, `EINVAL`: what people read. The number is `ERRNO[errno]`. */
export type Errno = keyof typeof ERRNO;

export interface Refusal {
  readonly ok: false;
  readonly errno: Errno;
  /** What was wrong, in one clause. */
  readonly why: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });

/** Success of a call that returns nothing. */
export const done: Outcome<undefined> = { ok: true, value: undefined };

export const refuse = (errno: Errno, why: string): Refusal => ({ ok: false, errno, why });

export function isErrno(name: string): name is Errno {
  return Object.hasOwn(ERRNO, name);
}
