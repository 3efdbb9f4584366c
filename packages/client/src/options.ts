import type { Identity } from '@muster/core/identity';
import { ipVersion } from './adapters/ip.ts';
import { clientErrors } from './errors.ts';
import { MAX_NODE_ID } from './wire/address.ts';
import { type Encoding, MAX_FRAME_BYTES } from './wire/frames.ts';

/** Everything that a client can be told. Only the address is required. */
export interface RegistryClientOptions {
  /**
   * `host:port`, or `[IPv6]:port`. Give this, or `host` and `port`.
   */
  readonly address?: string;
  /** Name or IP address of the registry. */
  readonly host?: string;
  /**
   * TCP port of the registry.
   * @default 9000
   */
  readonly port?: number;
  /**
   * `binary` needs fewer bytes and less work on both sides for heartbeat, lookup and resolve, and carries everything
   * else as JSON. `json` works with servers from before the binary protocol too, and its errors have codes.
   * @default 'binary'
   */
  readonly encoding?: Encoding;
  /**
   * `false` for plain TCP, `{}` for TLS with a certificate that the system trusts; see {@link TlsOptions}.
   * @default false
   */
  readonly tls?: false | TlsOptions;
  /**
   * Most connections at a time. They are opened when there is work for them. With more than one, two requests that
   * are under way together may take effect in either order.
   * @default 2
   */
  readonly poolSize?: number;
  /**
   * Most unanswered requests on one connection. Replies come in order, so a slow one delays those behind it.
   * @default 32
   */
  readonly maxPipelined?: number;
  /**
   * Most requests that wait for a connection; more fail with QUEUE_FULL.
   * @default 10000
   */
  readonly maxQueued?: number;
  /**
   * Time for TCP and TLS to connect.
   * @default 5000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Time for a call from its start to its reply: waiting, connecting and repeating included.
   * @default 30000
   */
  readonly requestTimeoutMs?: number;
  /**
   * Idle connections are closed after this time, before the server does it (after 5 minutes).
   * @default 240000
   */
  readonly idleTimeoutMs?: number;
  /** What happens when connecting fails; see {@link ReconnectOptions}. */
  readonly reconnect?: ReconnectOptions;
  /**
   * How often a call that may safely be repeated is sent again after its connection was lost. Others never are.
   * @default 2
   */
  readonly maxRepeats?: number;
  /**
   * Largest reply that is taken, in bytes. Memory is used as the bytes come, not as they are announced.
   * @default 67108864
   */
  readonly maxReplyBytes?: number;
  /** The key to sign with. */
  readonly identity?: Identity;
  /** The node id that belongs to `identity`. A successful `register` sets it. */
  readonly nodeId?: number;
  /** The registry's admin token. It is sent only with calls that need it. Use TLS with it. */
  readonly adminToken?: string;
  /**
   * `v1` signs the short challenges that every server knows. `v2` adds a time and a nonce and covers all fields, so
   * that a captured request is worthless; only Muster knows it, and from the first one on it refuses v1 signatures of
   * the key.
   * @default 'v1'
   */
  readonly signatures?: 'v1' | 'v2';
  /** Set these as on the server. */
  readonly strict?: StrictOptions;
}

/** TLS 1.3 is required. With `pin` alone, the pinned certificate is trusted and no other; with both, both must hold. */
export interface TlsOptions {
  /** Certificates to trust, PEM. @default those of the system, unless `pin` is given */
  readonly ca?: string | Uint8Array;
  /** SHA-256 of the server's certificate (the leaf, DER), as 64 hex digits. */
  readonly pin?: string;
  /** Name to ask for and to check. @default the host, unless it is an IP address */
  readonly servername?: string;
}

/** The n-th attempt in a row waits `baseDelayMs * 2^(n-1)`, at most `maxDelayMs`, less a random part. */
export interface ReconnectOptions {
  /** @default 200 */
  readonly baseDelayMs?: number;
  /** @default 10000 */
  readonly maxDelayMs?: number;
  /** Largest part of the delay that chance takes off, 0 to 1. @default 0.5 */
  readonly jitter?: number;
  /** A call fails with CONNECT_FAILED after seeing this many failed attempts. @default 5 */
  readonly maxAttempts?: number;
}

/** The strict switches of the server (registry spec section 4.4) that change what a client must send. */
export interface StrictOptions {
  /** Sign lookups, lists and trust checks with the client's own node. @default false */
  readonly directory?: boolean;
  /** Send heartbeats with a time, as JSON. @default false */
  readonly heartbeats?: boolean;
  /** Bind the expiry into the signature of `setKeyExpiry`. @default false */
  readonly keyExpiry?: boolean;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly encoding: Encoding;
  readonly tls: undefined | ResolvedTls;
  readonly poolSize: number;
  readonly maxPipelined: number;
  readonly maxQueued: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly reconnect: Required<ReconnectOptions>;
  readonly maxRepeats: number;
  readonly maxReplyBytes: number;
  readonly signatures: 'v1' | 'v2';
  readonly strict: Required<StrictOptions>;
}

/** TLS options as the connection needs them. */
export interface ResolvedTls {
  readonly ca: string | Uint8Array | undefined;
  readonly pin: string | undefined;
  readonly servername: string | undefined;
}

const KNOWN: ReadonlySet<string> = new Set<keyof RegistryClientOptions>([
  'address',
  'host',
  'port',
  'encoding',
  'tls',
  'poolSize',
  'maxPipelined',
  'maxQueued',
  'connectTimeoutMs',
  'requestTimeoutMs',
  'idleTimeoutMs',
  'reconnect',
  'maxRepeats',
  'maxReplyBytes',
  'identity',
  'nodeId',
  'adminToken',
  'signatures',
  'strict',
]);

/** The longest delay that a timer of the platform can hold. */
const MAX_DELAY_MS = 2_147_483_647;

/** Fills in the defaults. Throws OPTIONS_INVALID for what is unknown, out of range or contradictory. */
export function resolveOptions(options: RegistryClientOptions): ResolvedOptions {
  requireKnown(options, KNOWN, '');
  const { host, port } = resolveAddress(options);
  if (options.signatures === 'v2' && options.identity === undefined) {
    throw invalid("signatures 'v2' need an identity to sign with");
  }
  const strict = resolveStrict(options);
  if (options.nodeId !== undefined) integer('nodeId', options.nodeId, 0, 1, MAX_NODE_ID);
  if (options.adminToken === '') throw invalid('adminToken is empty');
  return {
    host,
    port,
    encoding: oneOf('encoding', options.encoding, ['binary', 'json']),
    tls: resolveTls(options.tls ?? false, host),
    poolSize: integer('poolSize', options.poolSize, 2, 1, 1024),
    maxPipelined: integer('maxPipelined', options.maxPipelined, 32, 1, 65_536),
    maxQueued: integer('maxQueued', options.maxQueued, 10_000, 1, 10_000_000),
    connectTimeoutMs: integer('connectTimeoutMs', options.connectTimeoutMs, 5000, 1, MAX_DELAY_MS),
    requestTimeoutMs: integer('requestTimeoutMs', options.requestTimeoutMs, 30_000, 1, MAX_DELAY_MS),
    idleTimeoutMs: integer('idleTimeoutMs', options.idleTimeoutMs, 240_000, 1, MAX_DELAY_MS),
    reconnect: resolveReconnect(options.reconnect ?? {}),
    maxRepeats: integer('maxRepeats', options.maxRepeats, 2, 0, 100),
    maxReplyBytes: integer('maxReplyBytes', options.maxReplyBytes, MAX_FRAME_BYTES, 1024, MAX_FRAME_BYTES),
    signatures: oneOf('signatures', options.signatures, ['v1', 'v2']),
    strict,
  };
}

/** Checks a time limit given with one call. Throws OPTIONS_INVALID. */
export function requireDelay(name: string, value: number): number {
  return integer(name, value, value, 1, MAX_DELAY_MS);
}

/** Checks an option that is an integer. Throws OPTIONS_INVALID. */
export function integer(
  name: string,
  value: number | undefined,
  byDefault: number,
  least: number,
  most: number,
): number {
  const chosen = value ?? byDefault;
  if (!Number.isInteger(chosen) || chosen < least || chosen > most) {
    throw invalid(`${name} must be an integer from ${least} to ${most}`);
  }
  return chosen;
}

/** Checks an option that is a part of one. Throws OPTIONS_INVALID. */
export function fraction(name: string, value: number | undefined, byDefault: number): number {
  const chosen = value ?? byDefault;
  if (typeof chosen !== 'number' || !(chosen >= 0 && chosen <= 1))
    throw invalid(`${name} must be a number from 0 to 1`);
  return chosen;
}

function resolveAddress(options: RegistryClientOptions): { host: string; port: number } {
  if (options.address === undefined) {
    if (options.host === undefined || options.host === '') throw invalid('give an address, or a host');
    return { host: options.host, port: integer('port', options.port, 9000, 1, 65_535) };
  }
  if (options.host !== undefined || options.port !== undefined) {
    throw invalid('give either address, or host and port');
  }
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(options.address);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined || (match[1] !== undefined && ipVersion(host) !== 6)) {
    throw invalid('address must be host:port or [IPv6]:port');
  }
  return { host, port: integer('port', Number(match[3]), 0, 1, 65_535) };
}

function resolveTls(tls: false | TlsOptions, host: string): ResolvedTls | undefined {
  if (tls === false) return undefined;
  if (typeof tls !== 'object' || tls === null) throw invalid('tls must be false or an object');
  requireKnown(tls, new Set(['ca', 'pin', 'servername']), 'tls.');
  if (tls.pin !== undefined && !/^[0-9a-fA-F]{64}$/.test(tls.pin)) {
    throw invalid('tls.pin must be the SHA-256 of the certificate as 64 hex digits');
  }
  return {
    ca: tls.ca,
    pin: tls.pin?.toLowerCase(),
    // A name is not sent for an IP address (RFC 6066).
    servername: tls.servername ?? (ipVersion(host) === 0 ? host : undefined),
  };
}

function resolveReconnect(reconnect: ReconnectOptions): Required<ReconnectOptions> {
  requireKnown(reconnect, new Set(['baseDelayMs', 'maxDelayMs', 'jitter', 'maxAttempts']), 'reconnect.');
  const resolved = {
    baseDelayMs: integer('reconnect.baseDelayMs', reconnect.baseDelayMs, 200, 1, MAX_DELAY_MS),
    maxDelayMs: integer('reconnect.maxDelayMs', reconnect.maxDelayMs, 10_000, 1, MAX_DELAY_MS),
    jitter: fraction('reconnect.jitter', reconnect.jitter, 0.5),
    maxAttempts: integer('reconnect.maxAttempts', reconnect.maxAttempts, 5, 1, 1_000_000),
  };
  if (resolved.maxDelayMs < resolved.baseDelayMs) {
    throw invalid('reconnect.maxDelayMs is smaller than reconnect.baseDelayMs');
  }
  return resolved;
}

function resolveStrict(options: RegistryClientOptions): Required<StrictOptions> {
  const strict = options.strict ?? {};
  requireKnown(strict, new Set(['directory', 'heartbeats', 'keyExpiry']), 'strict.');
  const resolved = {
    directory: strict.directory ?? false,
    heartbeats: strict.heartbeats ?? false,
    keyExpiry: strict.keyExpiry ?? false,
  };
  if (options.identity === undefined && Object.values(resolved).includes(true)) {
    throw invalid('strict options need an identity to sign with');
  }
  return resolved;
}

function requireKnown(options: object, known: ReadonlySet<string>, prefix: string): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalid(`unknown option ${prefix}${name}`);
  }
}

function oneOf<const Value extends string>(
  name: string,
  value: Value | undefined,
  allowed: readonly [Value, ...Value[]],
): Value {
  if (value === undefined) return allowed[0];
  if (!allowed.includes(value)) throw invalid(`${name} must be ${allowed.join(' or ')}`);
  return value;
}

function invalid(message: string): Error {
  return clientErrors.create('OPTIONS_INVALID', message);
}
