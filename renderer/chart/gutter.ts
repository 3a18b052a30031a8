/** Room at the left of every chart over a shared axis, for labels; so that a moment has one place in all of them. Pixels. */
export const GUTTER = 112;
