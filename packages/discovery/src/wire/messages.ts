/**
 * What goes over the wire, as it stands in the JSON (discovery spec section 8). Times are RFC 3339 texts here; the
 * decoders of `schemas/` check shapes, and `time.ts` turns times into milliseconds.
 */

/** A libp2p peer id as base58btc text (`12D3KooW…`). */
export type PeerId = string;

/** 8.1. `Addrs` are multiaddrs without the `/p2p` suffix. */
export interface AddrInfo {
  readonly ID: PeerId;
  readonly Addrs: readonly string[];
}

/** 7.3. */
export const ERROR_CODES = [
  'banned',
  'rate_limited',
  'full',
  'low_score',
  'identity_mismatch',
  'bad_signature',
  'expired',
  'unknown_peer',
  'blacklisted',
  'bad_request',
  'too_many',
  'shutting_down',
  'internal',
] as const;

export type WireErrorCode = (typeof ERROR_CODES)[number];

/** The body of an error frame. Codes that we don't know are read as `internal`. */
export interface WireError {
  readonly code: WireErrorCode;
  readonly message: string;
  /** Seconds. */
  readonly retry_after?: number;
  readonly score?: number;
  readonly min_score?: number;
}

export interface ErrorFrame {
  readonly error: WireError;
}

/** 9.1. All nine signed fields are always present, empty texts included. */
export interface PeerRecord {
  readonly name: string;
  readonly did: string;
  readonly peer_id: PeerId;
  readonly pub_key: string;
  readonly api_url: string;
  readonly stream_address: string;
  readonly nats_address: string;
  readonly wallet_address: string;
  /** `YYYY-MM-DDTHH:MM:SS.mmmZ` as we write it; kept as it came, since the signature covers the text. */
  readonly expiry_date: string;
  readonly signature: string;
}

/** 8.2. */
export interface Heartbeat {
  readonly name?: string;
  readonly stream?: null;
  readonly did?: string;
  readonly peer_id: PeerId;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly indexers_binded: readonly PeerId[];
  /** As it came, not yet verified. */
  readonly record?: unknown;
  readonly need?: number;
  readonly challenges?: readonly PeerId[];
  readonly challenge_did?: string;
  readonly referent?: boolean;
  readonly seq?: number;
  readonly probe?: boolean;
  readonly local_score?: number;
}

export interface ChallengeEntry {
  readonly peer_id: PeerId;
  readonly found: boolean;
  readonly last_seen?: string;
}

/** 8.3. An answer with `error` may lack everything else. */
export interface HeartbeatResponse {
  readonly fill_rate: number;
  readonly peer_count: number;
  readonly max_nodes: number;
  readonly born_at: string;
  readonly challenges?: readonly ChallengeEntry[];
  readonly dht_found?: boolean;
  readonly dht_payload?: unknown;
  readonly dht_busy?: boolean;
  readonly witnesses?: readonly AddrInfo[];
  readonly suggestions?: readonly AddrInfo[];
  readonly suggest_migrate?: boolean;
  readonly seq?: number;
  /** Unix milliseconds. */
  readonly ts?: number;
  readonly cached_score?: number;
  readonly error?: WireError;
}

/** 8.4. */
export interface WitnessRequest {
  readonly indexer_peer_id: PeerId;
}

export interface WitnessReport {
  readonly seen: boolean;
  readonly born_at?: string;
  readonly fill_rate?: number;
  readonly score?: number;
}

/** 8.5. */
export interface IndexerCandidatesRequest {
  readonly count: number;
}

export interface IndexerCandidatesResponse {
  readonly candidates: readonly AddrInfo[];
}

/** 8.6. */
export interface PublishAck {
  readonly ok: boolean;
  readonly error?: WireError;
}

export interface GetValue {
  /** A DID; may be empty. */
  readonly key: string;
  /** Wins over `key`. */
  readonly peer_id?: PeerId;
}

export interface GetResponse {
  readonly found: boolean;
  /** As they came, not yet verified, by peer id. */
  readonly records: Readonly<Record<PeerId, unknown>>;
}

/** 8.7. At least one criterion. */
export interface SearchPeerRequest {
  readonly query_id: string;
  readonly peer_id?: PeerId;
  readonly did?: string;
  readonly name?: string;
}

export interface SearchHit {
  readonly peer_id: PeerId;
  readonly did: string;
  readonly name: string;
  /** As it came, not yet verified. */
  readonly record?: unknown;
}

/** 8.8. */
export interface SearchPeerResult {
  readonly query_id: string;
  readonly records: readonly SearchHit[];
}

/** 8.9. */
export interface SearchQuery {
  readonly query_id: string;
  readonly emitter_id: PeerId;
  readonly peer_id?: PeerId;
  readonly did?: string;
  readonly name?: string;
}

/** 10.7. */
export interface IndexerRecord {
  readonly peer_id: PeerId;
  readonly multiaddrs: readonly string[];
  readonly region: string;
  readonly capacity: number;
  readonly fill_rate: number;
  readonly peer_count: number;
  /** First 16 hex digits of SHA-256 of each connected node's peer id text, sorted. */
  readonly peers: readonly string[];
  readonly peers_sampled?: boolean;
  readonly born_at: string;
  readonly expires_at: string;
  readonly pub_key: string;
  readonly sig: string;
}
