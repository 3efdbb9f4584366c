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
