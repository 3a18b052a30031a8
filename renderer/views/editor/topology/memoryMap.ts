// Where things of guest RAM lie in a picture of guest-physical memory.
//
// Theory: the file counts RAM from 0 without the hole under 4 GiB; the picture shows addresses as the guest sees them, with the
// hole. Each section has a width in proportion to its size, but never less than can be seen, so a scale holds within a section
// alone. A range that crosses the hole is drawn in two parts.
const FOUR_GIB = 4 * 1024 ** 3;
const LEAST_HOLE = 34;
const LEAST_GAP = 10;
const LEAST_SECTION = 56;
/** Parts narrower than this would not be seen. */
const LEAST_PART = 3;

export interface Section {
  /** `gap`: addresses between RAM and a module, which nothing answers. */
  readonly kind: 'ram' | 'hole' | 'module' | 'gap';
  /** First address and length in bytes, as the guest sees them. */
  readonly gpa: number;
  readonly size: number;
  /** RAM offset of the first byte; of a hole that of what follows. */
  readonly offset: number;
  /** Of a module. */
  readonly name?: string;
  readonly x: number;
  readonly width: number;
}
export interface Part {
  readonly x: number;
  readonly width: number;
}

export function sectionsOf(
  {
    below4g,
    above4g,
    modules = [],
  }: {
    readonly below4g: number;
    readonly above4g: number;
    readonly modules?: readonly {
      readonly name: string;
      readonly gpa: number;
      readonly offset: number;
      readonly size: number;
    }[];
  },
  width: number,
): readonly Section[] {
  const plain: Omit<Section, 'x' | 'width'>[] = [{ kind: 'ram', gpa: 0, size: below4g, offset: 0 }];
  if (above4g > 0) {
    plain.push({ kind: 'hole', gpa: below4g, size: Math.max(0, FOUR_GIB - below4g), offset: below4g });
    plain.push({ kind: 'ram', gpa: FOUR_GIB, size: above4g, offset: below4g });
  }
  for (const { name, gpa, offset, size } of modules) {
    const last = plain.at(-1)!;
    const end = last.gpa + last.size;
    if (gpa > end) plain.push({ kind: 'gap', gpa: end, size: gpa - end, offset });
    plain.push({ kind: 'module', gpa, size, offset, name });
  }
  const leasts = { ram: LEAST_SECTION, module: LEAST_SECTION, hole: LEAST_HOLE, gap: LEAST_GAP };
  // Many modules share what there is.
  const wanted = plain.map(({ kind }) => (plain.length === 1 ? 0 : leasts[kind]));
  const squeeze = Math.min(1, width / Math.max(1, 1.25 * wanted.reduce((a, b) => a + b, 0)));
  const least = wanted.map((px) => px * squeeze);
  const free = Math.max(0, width - least.reduce((a, b) => a + b, 0));
  // A gap is no memory: its width says only that it is there.
  const total = plain.reduce((sum, { kind, size }) => sum + (kind === 'gap' ? 0 : size), 0);
  let x = 0;
  return plain.map((section, i) => {
    const share = section.kind === 'gap' || total === 0 ? 0 : section.size / total;
    const own = least[i]! + share * free;
    const placed = { ...section, x, width: own };
    x += own;
    return placed;
  });
}

/** The parts of the picture that a range of RAM covers. */
export function partsOf(
  sections: readonly Section[],
  range: { readonly offset: number; readonly size: number },
): readonly Part[] {
  return sections.flatMap(({ kind, offset, size, x, width }) => {
    if (kind === 'hole' || kind === 'gap' || size <= 0) return [];
    const from = Math.max(range.offset, offset);
    const to = Math.min(range.offset + range.size, offset + size);
    if (to <= from) return [];
    const start = x + ((from - offset) / size) * width;
    const wide = Math.max(LEAST_PART, ((to - from) / size) * width);
    return [{ x: Math.min(start, x + width - wide), width: wide }];
  });
}
