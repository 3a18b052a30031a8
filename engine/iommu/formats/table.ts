// The table of formats: generic code and every test loop over these rows.
import { AMD_V1, MOCK } from './amd.ts';
import { ARM_LPAE } from './arm.ts';
import type { FormatName, PteFormat } from './format.ts';
import { VTD_SS } from './vtd.ts';
import { X86_64 } from './x86.ts';

export const FORMATS: readonly PteFormat[] = [AMD_V1, VTD_SS, ...ARM_LPAE, X86_64, MOCK];

const byName: ReadonlyMap<string, PteFormat> = new Map(FORMATS.map((row) => [row.name, row]));

export function formatNamed(name: FormatName): PteFormat {
  const row = byName.get(name);
  if (row === undefined) throw new Error(`no page-table format called ${name}`);
  return row;
}

export function isFormatName(name: string): name is FormatName {
  return byName.has(name);
}
