// What can go wrong with a QEMU run and is not a bug of ours.

/** Why a run in QEMU did not happen or did not end. A cancelled run is none of these: it ends with a summary. */
export type QemuErrorKind =
  /** Nobody said that QEMU may be started. */
  | 'consent'
  /** No QEMU, or one that does not start. */
  | 'missing'
  /** The experiment asks for something that real QEMU processes on one machine do not show. */
  | 'unsupported'
  /** QEMU or its guest did something unexpected. */
  | 'failed'
  /** QEMU did not answer in time. */
  | 'timed-out';

export class QemuError extends Error {
  readonly kind: QemuErrorKind;
  constructor(kind: QemuErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QemuError';
    this.kind = kind;
  }
}
