import { view } from '../renderer/view.ts';
export const seen = view;
