export const TABS = [
  { name: 'selection', title: 'Selection' },
  { name: 'events', title: 'Events' },
  { name: 'losses', title: 'Lost pages' },
  { name: 'result', title: 'Result and downtime' },
  { name: 'experiment', title: 'Experiment' },
  { name: 'numbers', title: 'Numbers' },
] as const;
export type Tab = (typeof TABS)[number]['name'];
