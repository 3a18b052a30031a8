// What a message may be at most, each with its reason. Both sides refuse more; a test sends more to each.

/** Changes when a message of the old kind would be misunderstood. Hosts and clients of different versions do not talk. */
export const PROTOCOL_VERSION = 1;

/** Of one control message in UTF-16 units, to the host: an experiment file (1 MiB) in JSON, with room for escapes. */
export const MAX_REQUEST_CHARS = 3 * 1024 * 1024;
/** Of one control message, to the client: a page of events. */
export const MAX_REPLY_CHARS = 32 * 1024 * 1024;
/** Of one binary frame: 20 series of 8,192 points, least and greatest, and their times. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** Subscriptions of one connection. */
export const MAX_SUBSCRIPTIONS = 64;
/** Credit of one subscription: messages on their way at most. */
export const MAX_CREDIT = 64;

/** Points (pixels, rather) that one series may be asked for at once. */
export const MAX_POINTS = 16_384;
/** Series in one question. */
export const MAX_SERIES = 64;
/** Runs in one page of the list, and in one act on several. */
export const MAX_PAGE = 1_000;
/** Events in one page. */
export const MAX_EVENTS = 10_000;
/** A heat map of guest memory: what a screen shows, and what may cross twice a second (10 MiB at most). */
export const MAX_HEAT_ROWS = 256;
export const MAX_HEAT_COLUMNS = 512;
/** 16 sources of writes and what happened to the pages. */
export const MAX_HEAT_LAYERS = 20;
export const MAX_FILTER_CHARS = 4_096;
export const MAX_NAME_CHARS = 200;
export const MAX_TAG_CHARS = 100;
export const MAX_TAGS = 64;
/** Bytes are bounded by the schema's check of the text: see MAX_FILE_BYTES of the experiment file. */
export const MAX_EXPERIMENT_CHARS = 1024 * 1024;
export const MAX_NOTE_CHARS = 64 * 1024;
export const MAX_SETTING_CHARS = 256 * 1024;
/** Jobs that wait or run: more are refused. */
export const MAX_JOBS = 1_000;
/** Jobs that have ended and are still told of. */
export const MAX_ENDED_JOBS = 50;
