import { oracle } from '../migration/oracle.ts';
export const peeked = oracle;
