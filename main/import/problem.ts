// Why a file cannot be imported: where, what is wrong, and what would be right. Nothing of such a file is imported.

export interface Place {
  /** From 1. */
  readonly line?: number | undefined;
  /** Inside a document, for example `progress_history[3].ram.iterations`. */
  readonly path?: string | undefined;
}

export class ImportError extends Error {
  readonly file: string;
  readonly line: number | undefined;
  readonly path: string | undefined;
  /** Without the place. */
  readonly reason: string;

  constructor(file: string, place: Place, reason: string) {
    const line = place.line === undefined ? '' : `:${place.line}`;
    const path = place.path === undefined || place.path === '' ? '' : ` ${place.path}:`;
    super(`${file}${line}:${path} ${reason}`);
    this.name = 'ImportError';
    this.file = file;
    this.line = place.line;
    this.path = place.path;
    this.reason = reason;
  }
}

/** Text of a stranger in a message: short, on one line, without control characters. */
export function quote(text: string, most = 60): string {
  // eslint-disable-next-line no-control-regex -- these are what must not reach a terminal
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return `"${plain.length > most ? `${plain.slice(0, most)}…` : plain}"`;
}
