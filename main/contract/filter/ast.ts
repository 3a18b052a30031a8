// What a filter means, once its names and units are understood. The same tree is made in a window (for completion and
// mistakes as one types), in the service and on the command line; main/store/filterSql.ts turns it into a question.
//
// What is not known satisfies no comparison; `not` turns that into true. Of a column with several values (devices.type) a
// comparison holds if it holds for one of them, and `!=` if `=` does not.

export const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** A stretch of time such as a day: from, inclusive, to, exclusive, in Unix milliseconds. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** A number in the column's base unit, a text, or a stretch of time. */
export type FilterValue = number | string | TimeSpan;

export type FilterNode =
  | { readonly kind: 'all' | 'any'; readonly items: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly item: FilterNode }
  | { readonly kind: 'compare'; readonly column: string; readonly op: Comparison; readonly value: FilterValue }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly FilterValue[] }
  /** `%` stands for any text, `_` for one character; upper and lower case are the same. */
  | { readonly kind: 'like'; readonly column: string; readonly pattern: string }
  | { readonly kind: 'known'; readonly column: string }
  /** Stands in the name, the note, a tag or the file's name. */
  | { readonly kind: 'text'; readonly text: string };

/** What the language needs to know of a column; contract/runs.ts has the whole. */
export interface FilterColumn {
  readonly name: string;
  readonly type: 'text' | 'count' | 'duration' | 'size' | 'share' | 'percent' | 'rate' | 'page-rate' | 'time';
  /** Values that occur, for completion. */
  readonly values: readonly string[];
}

/** A mistake with its place in the text, in UTF-16 units. */
export interface FilterMistake {
  readonly message: string;
  /** What would be right; may be empty. */
  readonly hint: string;
  readonly position: number;
  readonly length: number;
}
