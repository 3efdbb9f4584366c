/** Limits of a connection: what an unproven, a proven and an admin's connection may cost (spec 2.9, 2.10, B-06). */
export interface ConnectionLimits {
  /** Largest message of a connection that has proven nothing. @default 65_536 */
  readonly maxFrameBytes: number;
  /** Largest message once a node's key has signed on the connection. @default 1_048_576 */
  readonly maxProvenFrameBytes: number;
  /** Largest message once an admin token has come over the connection. @default 67_108_864 */
  readonly maxAdminFrameBytes: number;
  /** A connection without a message is closed after this. @default 300_000 */
  readonly idleTimeoutMs: number;
  /** A begun message must show its length within this. @default 10_000 */
  readonly headerTimeoutMs: number;
  /** A message must arrive at this speed at least, beyond the header's time. @default 16_384 */
  readonly minBodyBytesPerSecond: number;
  /** A client that takes nothing of an answer for this long is cut off. @default 5_000 */
  readonly writeTimeoutMs: number;
  /** Answers that may wait for a client; above it its requests are not read. @default 1_048_576 */
  readonly maxOutputBytes: number;
  /** Answers that may wait for the disk, in requests; above it the connection is not read. @default 1_024 */
  readonly maxWaitingReplies: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxFrameBytes: 64 * 1024,
  maxProvenFrameBytes: 1024 * 1024,
  maxAdminFrameBytes: 64 * 1024 * 1024,
  idleTimeoutMs: 300_000,
  headerTimeoutMs: 10_000,
  minBodyBytesPerSecond: 16_384,
  writeTimeoutMs: 5_000,
  maxOutputBytes: 1024 * 1024,
  maxWaitingReplies: 1_024,
};
