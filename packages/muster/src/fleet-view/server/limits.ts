/** Bounds of the page server. It serves the browsers and terminals of a few people. */

/** Open connections; more are closed at once. */
export const MAX_PAGE_CONNECTIONS = 256;
/** Readers of `/api/events` at once. */
export const MAX_PAGE_READERS = 64;
/** Header section of a request. */
export const MAX_PAGE_HEADER_BYTES = 16_384;
/** Path and query of a request. */
export const MAX_PAGE_URL_CHARS = 1_024;
/** How long a request may take to arrive. */
export const PAGE_REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection may rest between requests. */
export const PAGE_KEEP_ALIVE_MS = 65_000;
/** Time between deltas: at most ten a second. */
export const DELTA_INTERVAL_MS = 100;
/** How often a stream says that it is alive. */
export const PAGE_HEARTBEAT_MS = 5_000;
/** Bytes that a reader may be behind, beyond the snapshot that it was sent first; then it is cut off. */
export const MAX_READER_BACKLOG_BYTES = 4_194_304;
/** Deltas that are kept for readers that come back … */
export const DELTAS_KEPT = 300;
/** … and their bytes. */
export const DELTA_BYTES_KEPT = 8_388_608;
/** Files of the page, and their bytes. */
export const MAX_PAGE_FILES = 1_000;
export const MAX_PAGE_BYTES = 67_108_864;
