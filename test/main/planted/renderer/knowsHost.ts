import { host } from '../main/host.ts';
export const known = host;
