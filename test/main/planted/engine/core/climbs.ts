import { table } from '../iommu/table.ts';
export const climbed = table;
