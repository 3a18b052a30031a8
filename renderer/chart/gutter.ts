/** Room at the left of every chart over a shared axis, for labels; so that a moment has one place in all of them. Pixels. */
export const GUTTER = 112;
/** Room at the right, so that what happens last is not pressed against the edge of the window. */
export const RIGHT_GUTTER = 16;
