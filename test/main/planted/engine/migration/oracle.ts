export const oracle = 1;
