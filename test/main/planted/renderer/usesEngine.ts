import { table } from '../engine/iommu/table.ts';
export const used = table;
