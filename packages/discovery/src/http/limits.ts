/** Bounds of the status endpoint. It serves an operator, a dashboard and a scraper of this machine. */

/** Open connections; more are closed at once. */
export const MAX_STATUS_CONNECTIONS = 64;
/** Event streams at once. */
export const MAX_EVENT_STREAMS = 16;
/** Searches and lookups at once. */
export const MAX_QUERIES = 8;
/** Header section of a request. */
export const MAX_STATUS_HEADER_BYTES = 8_192;
/** Path and query of a request. */
export const MAX_STATUS_URL_CHARS = 1_024;
/** How long a request may take to arrive. */
export const STATUS_REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection may rest between requests: above the 60 s of common scrapers. */
export const STATUS_KEEP_ALIVE_MS = 65_000;
/** Bytes that an event stream's reader may be behind; then it is cut off, and may come back with its last id. */
export const MAX_EVENT_STREAM_BACKLOG_BYTES = 1_048_576;
/** Events that are kept for readers that come back. */
export const EVENT_HISTORY = 1_024;
/** How often an event stream says that it is alive. */
export const EVENT_HEARTBEAT_MS = 15_000;
/** How long the reader of search hits may take nothing. */
export const SLOW_READER_MS = 10_000;
/** Nodes that `/indexer` lists, unless it is asked for more. */
export const DEFAULT_LISTED_NODES = 100;
export const MAX_LISTED_NODES = 10_000;
