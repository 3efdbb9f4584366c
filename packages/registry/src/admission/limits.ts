/**
 * The bounds of admission, with their reasons. "Address" means an IPv4 address or an IPv6 /64.
 *
 * The known fleet that they are made for: 200,000 nodes, 150,000 to 207,000 open connections, networks of 45,000
 * members, and whole sites behind one address (spec section 17).
 */
export interface AdmissionLimits {
  /**
   * Open connections of the whole server. Nobody is exempt: it protects file descriptors and memory.
   * @default 1_100_000 (spec section 2.1)
   */
  readonly maxConnections: number;
  /**
   * Open connections per address; listed sources are exempt. 10,000 carries a site of 10,000 nodes behind one address
   * and leaves one address below 1 % of the server.
   * @default 10_000
   */
  readonly maxConnectionsPerAddress: number;
  /**
   * New connections per second and address. A TLS handshake costs about 0.3 ms of processor, so 500/s keeps what
   * one address can cost by reconnecting near a sixth of a core. The burst is a whole full site that comes back.
   * @default 500
   */
  readonly connectionsPerSecondPerAddress: number;
  /** @default 10_000 */
  readonly connectionBurstPerAddress: number;
  /**
   * New connections per second of the whole server during the first `startupThrottleMs`: twice the storm that the
   * server must serve (B-52: 5,000/s); a fleet of 200,000 is back within 20 s.
   * @default 10_000
   */
  readonly startupConnectionsPerSecond: number;
  /** @default 60_000 (spec section 2.1) */
  readonly startupThrottleMs: number;
  /**
   * Requests per second and address. 10,000 nodes behind one address that each send two requests a second; near 2 % of
   * what one core answers.
   * @default 20_000
   */
  readonly requestsPerSecondPerAddress: number;
  /**
   * Requests at once: more than one full read of pipelined requests.
   * @default 40_000
   */
  readonly requestBurstPerAddress: number;
  /**
   * Requests per second of everybody together, refused by an error reply; 0 = no such limit. Off, because it lets
   * one noisy address take from all others (B-05).
   * @default 0
   */
  readonly requestsPerSecond: number;
  /**
   * Error replies per second and address to requests above the limit. Beyond them the connection is no longer read for a
   * while, so that a flood costs its sender more than it costs us.
   * @default 1_000
   */
  readonly refusalsPerSecondPerAddress: number;
  /**
   * Registrations of new keys per minute and address (known keys do not count). The original's 10 would keep a site of
   * 10,000 nodes busy for 16 hours; with 600 it is in within a quarter of an hour, and one stranger fills at
   * most 600 rows a minute of a table that has its own bound.
   * @default 600
   */
  readonly registrationsPerMinutePerAddress: number;
  /** @default 1_000 */
  readonly registrationBurstPerAddress: number;
  /**
   * Different node ids that an address may look up per minute, counted roughly (B-28a). As many as a full site has
   * nodes; walking a directory of 200,000 ids takes one address 20 minutes and is visible in the metrics.
   * @default 10_000
   */
  readonly distinctLookupsPerMinutePerAddress: number;
  /**
   * Addresses without a connection that are remembered, so that reconnecting does not refill their buckets; the one
   * that is idle for longest is forgotten. About 0.3 KB each, 1.4 KB when it looked up much.
   * @default 50_000 (spec section 2.10)
   */
  readonly maxIdleAddresses: number;
  /**
   * Addresses that are tracked, idle or connected. At this bound idle ones are forgotten, then new addresses are
   * refused. The default never refuses before `maxConnections` does: a fleet whose nodes all have an address of
   * their own must fit, and a tracked address is small beside its connection.
   * @default 1_150_000
   */
  readonly maxTrackedAddresses: number;
}

/** The defaults of {@link AdmissionLimits}. */
export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = {
  maxConnections: 1_100_000,
  maxConnectionsPerAddress: 10_000,
  connectionsPerSecondPerAddress: 500,
  connectionBurstPerAddress: 10_000,
  startupConnectionsPerSecond: 10_000,
  startupThrottleMs: 60_000,
  requestsPerSecondPerAddress: 20_000,
  requestBurstPerAddress: 40_000,
  requestsPerSecond: 0,
  refusalsPerSecondPerAddress: 1_000,
  registrationsPerMinutePerAddress: 600,
  registrationBurstPerAddress: 1_000,
  distinctLookupsPerMinutePerAddress: 10_000,
  maxIdleAddresses: 50_000,
  maxTrackedAddresses: 1_150_000,
};
