/**
 * The store of the original server as it is held in memory between a file and a state of ours.
 *
 * Conventions: absent text is `''`, absent lists are empty, absent times are `undefined`. Every time is a number of
 * unix milliseconds; times of nodes and networks have second precision in the files. Ids are plain numbers.
 * Maps keep what the files key by decimal id. Spec §6, §10.1.
 */

/** Any JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** What a file held that the typed members can't say. Both are absent when there is nothing to keep. */
export interface Kept {
  /**
   * The literal form of members whose usual encoding differs (a time with an offset or nanoseconds, a `null` list, an
   * unreadable key), by JSON name. The writer uses it only as long as it still means the member's value.
   */
  asWritten?: Record<string, JsonValue> | undefined;
  /** Members that the format doesn't know. They are never written for the original: its checksum would not match. */
  unknown?: Map<string, JsonValue> | undefined;
}

/** A registered node. */
export interface OriginalNode extends Kept {
  id: number;
  owner: string;
  /** The raw Ed25519 key of 32 bytes; `undefined` = none or unreadable: the node may be looked up but can't act. */
  publicKey: Uint8Array | undefined;
  /** `host:port` or empty. */
  realAddress: string;
  /** Network ids; usually starts with 0. */
  networks: number[];
  public: boolean;
  /** Second precision. */
  lastSeenMs: number | undefined;
  hostname: string;
  tags: string[];
  taskExec: boolean;
  lanAddresses: string[];
  keyCreatedAtMs: number | undefined;
  keyRotatedAtMs: number | undefined;
  keyRotationCount: number;
  keyExpiresAtMs: number | undefined;
  externalId: string;
  version: string;
  relayOnly: boolean;
  badge: string;
  badgeSignature: string;
  verificationProvider: string;
  verifiedAtMs: number | undefined;
  recoveryCommitment: string;
  recoveryProvider: string;
  recoveryConsumedNonce: string;
  /** In the file: integer unix seconds; text is accepted (spec §19). */
  recoveryConsumedExpiresAtMs: number | undefined;
}

/** Limits of a network. */
export interface OriginalPolicy extends Kept {
  maxMembers: number;
  allowedPorts: number[];
  description: string;
}

/** Rules of a managed network (spec §6.4); durations are Go duration texts such as `24h`. */
export interface OriginalRules extends Kept {
  links: number;
  cycle: string;
  prune: number;
  pruneBy: string;
  fill: number;
  fillHow: string;
  grace: string;
}

/** A network. */
export interface OriginalNetwork extends Kept {
  id: number;
  name: string;
  /** `open`, `token`, `invite`, or any other text (which then fails at join). */
  joinRule: string;
  token: string;
  /** In order; without duplicates after reading. */
  members: number[];
  /** Node id to `owner`, `admin` or `member`. */
  memberRoles: Map<number, string>;
  memberTags: Map<number, string[]>;
  adminToken: string;
  policy: OriginalPolicy | undefined;
  rules: OriginalRules | undefined;
  /** The expression policy: JSON text without white space, otherwise verbatim. */
  exprPolicy: string | undefined;
  enterprise: boolean;
  requestCount: number;
  /** Second precision. */
  createdAtMs: number | undefined;
}

/** A handshake request that waits for its target. Files keep nanoseconds. */
export interface OriginalHandshakeRequest extends Kept {
  fromNodeId: number;
  justification: string;
  timestampMs: number | undefined;
}

/** The answer to a handshake, waiting for the one who asked. */
export interface OriginalHandshakeResponse extends Kept {
  fromNodeId: number;
  accept: boolean;
  timestampMs: number | undefined;
}

/** An invitation into a network. */
export interface OriginalInvite extends Kept {
  networkId: number;
  inviterId: number;
  timestampMs: number | undefined;
}

/** From and to, unix milliseconds. */
export type OriginalInterval = readonly [number, number];

/** What the original remembers of one of its own probes. */
export interface OriginalProbeState extends Kept {
  lastSuccessMs: number | undefined;
  downtimeIntervals: OriginalInterval[];
  currentDownStartMs: number | undefined;
}

/** One sample of the fleet's history. */
export interface OriginalSample extends Kept {
  timestampMs: number;
  totalNodes: number;
  onlineNodes: number;
  trustLinks: number;
  totalRequests: number;
}

/** One sample of a network's history. */
export interface OriginalNetworkSample extends Kept {
  timestampMs: number;
  id: number;
  name: string;
  members: number;
  online: number;
  requests: number;
}

/** Counters and history. The five counters after `totalRequests` are informational. */
export interface OriginalStatistics extends Kept {
  totalRequests: number;
  totalNodes: number;
  onlineNodes: number;
  trustLinks: number;
  uniqueTags: number;
  taskExecutors: number;
  /** First start of the server, second precision. */
  startTimeMs: number | undefined;
  restartEventsMs: number[];
  downtimeIntervals: OriginalInterval[];
  lastHeartbeatMs: number | undefined;
  probeStates: Map<string, OriginalProbeState>;
  hourlyHistory: OriginalSample[];
  dailyHistory: OriginalSample[];
  networkHourlyHistory: Map<number, OriginalNetworkSample[]>;
  networkDailyHistory: Map<number, OriginalNetworkSample[]>;
}

/** An audit entry. `timestamp` stays text, because the hash chain is computed over it (spec §13.1). */
export interface OriginalAuditEntry extends Kept {
  /** RFC 3339. */
  timestamp: string;
  action: string;
  networkId: number;
  nodeId: number;
  details: string;
  /** Hex SHA-256 of the entry before; empty on the very first. */
  prevHash: string;
  hash: string;
}

/** Identity provider. */
export interface OriginalIdpConfig extends Kept {
  type: string;
  url: string;
  issuer: string;
  clientId: string;
  tenantId: string;
  domain: string;
}

/** Where audit entries are exported to. `token` is a secret. */
export interface OriginalAuditExportConfig extends Kept {
  format: string;
  endpoint: string;
  token: string;
  index: string;
  source: string;
}

/** A role that waits for the node with this external id (spec §12.2). */
export interface OriginalRoleAssignment extends Kept {
  externalId: string;
  role: string;
}

/** Lower id first. */
export type OriginalTrustPair = readonly [number, number];

/** Everything that the original keeps. */
export interface OriginalStore extends Kept {
  /** The version that the file carried: 0 (February 2026) or 1. Files are always written as 1. */
  version: number;
  /** The id that the next node gets; 0 = the id space is used up. */
  nextNode: number;
  /** The id that the next network gets; 0 = the id space is used up. */
  nextNet: number;
  nodes: Map<number, OriginalNode>;
  networks: Map<number, OriginalNetwork>;
  trustPairs: OriginalTrustPair[];
  /** Base64 public key to node id. Ids that are not in `nodes` are reaped identities, which may come back. */
  pubKeyIdx: Map<string, number>;
  /**
   * Owner to node id: the live nodes, and nodes that a replayed log removed. Derived, not in the file: the original
   * forgets the owners of removed nodes when it restarts.
   */
  ownerIdx: Map<string, number>;
  handshakeInbox: Map<number, OriginalHandshakeRequest[]>;
  handshakeResponses: Map<number, OriginalHandshakeResponse[]>;
  inviteInbox: Map<number, OriginalInvite[]>;
  statistics: OriginalStatistics;
  /** At most 1,000 in files of the original, oldest first. */
  auditLog: OriginalAuditEntry[];
  idpConfig: OriginalIdpConfig | undefined;
  auditExportConfig: OriginalAuditExportConfig | undefined;
  /** Network id to the roles that wait there. */
  rbacPreAssign: Map<number, OriginalRoleAssignment[]>;
  /** Promotion epoch; 0 = never filled. */
  term: number;
}

/** The network that every node belongs to. */
export const backboneNetworkId = 0;
/** The largest node id. */
export const maxNodeId = 0xffff_ffff;
/** The largest network id. */
export const maxNetworkId = 0xffff;
