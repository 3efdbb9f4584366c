/** Bounds of the HTTP interface. It serves operators and probes, not the fleet. */

/** The largest body of a request. */
export const MAX_HTTP_BODY_BYTES = 65_536;
/** The largest body of `PUT /api/admin/whitelist`: 10,000 entries of the longest kind. */
export const MAX_WHITELIST_BODY_BYTES = 1_048_576;
/** The largest header section. */
export const MAX_HTTP_HEADER_BYTES = 16_384;
/** How long the header section may take (B-06). */
export const HTTP_HEADER_TIMEOUT_MS = 10_000;
/** How long a whole request may take to arrive. */
export const HTTP_REQUEST_TIMEOUT_MS = 30_000;
/** How often those two are looked at. */
export const HTTP_TIMEOUT_CHECK_INTERVAL_MS = 2_000;
/** How long a connection may rest between requests: above the 60 s of common scrapers and proxies. */
export const HTTP_KEEP_ALIVE_MS = 65_000;
/** Open connections; above it the runtime closes new ones at once. */
export const MAX_HTTP_CONNECTIONS = 1_024;
/** Readers of `GET /api/events` at once. */
export const MAX_EVENT_READERS = 16;
/** Bytes that a reader of events may be behind; then it is cut off, and may come back with its last id. */
export const MAX_EVENT_BACKLOG_BYTES = 4_194_304;
/** How often a stream of events says that it is alive. */
export const EVENT_HEARTBEAT_MS = 5_000;
/** Nodes of one page of `GET /api/nodes`, unless it asks for another number. */
export const DEFAULT_NODES_PER_PAGE = 500;
/** Most nodes of one page. */
export const MAX_NODES_PER_PAGE = 1_000;
/** Most entries of one page of `GET /api/nodes/seen`. */
export const MAX_SEEN_PER_PAGE = 20_000;
