import type { OriginalNetwork, OriginalNode, OriginalStatistics, OriginalStore } from './types.ts';

/** A node with nothing set; all members exist from the start, so that all nodes share one object shape. */
export function emptyOriginalNode(id = 0): OriginalNode {
  return {
    id,
    owner: '',
    publicKey: undefined,
    realAddress: '',
    networks: [],
    public: false,
    lastSeenMs: undefined,
    hostname: '',
    tags: [],
    taskExec: false,
    lanAddresses: [],
    keyCreatedAtMs: undefined,
    keyRotatedAtMs: undefined,
    keyRotationCount: 0,
    keyExpiresAtMs: undefined,
    externalId: '',
    version: '',
    relayOnly: false,
    badge: '',
    badgeSignature: '',
    verificationProvider: '',
    verifiedAtMs: undefined,
    recoveryCommitment: '',
    recoveryProvider: '',
    recoveryConsumedNonce: '',
    recoveryConsumedExpiresAtMs: undefined,
    asWritten: undefined,
    unknown: undefined,
  };
}

/** A network with nothing set. */
export function emptyOriginalNetwork(id = 0): OriginalNetwork {
  return {
    id,
    name: '',
    joinRule: '',
    token: '',
    members: [],
    memberRoles: new Map(),
    memberTags: new Map(),
    adminToken: '',
    policy: undefined,
    rules: undefined,
    exprPolicy: undefined,
    enterprise: false,
    requestCount: 0,
    createdAtMs: undefined,
    asWritten: undefined,
    unknown: undefined,
  };
}

function emptyStatistics(): OriginalStatistics {
  return {
    totalRequests: 0,
    totalNodes: 0,
    onlineNodes: 0,
    trustLinks: 0,
    uniqueTags: 0,
    taskExecutors: 0,
    startTimeMs: undefined,
    restartEventsMs: [],
    downtimeIntervals: [],
    lastHeartbeatMs: undefined,
    probeStates: new Map(),
    hourlyHistory: [],
    dailyHistory: [],
    networkHourlyHistory: new Map(),
    networkDailyHistory: new Map(),
    asWritten: undefined,
    unknown: undefined,
  };
}

/** A store as the original has it before its first start: no nodes, no networks, ids from 1. */
export function emptyOriginalStore(): OriginalStore {
  return {
    version: 1,
    nextNode: 1,
    nextNet: 1,
    nodes: new Map(),
    networks: new Map(),
    trustPairs: [],
    pubKeyIdx: new Map(),
    ownerIdx: new Map(),
    handshakeInbox: new Map(),
    handshakeResponses: new Map(),
    inviteInbox: new Map(),
    statistics: emptyStatistics(),
    auditLog: [],
    idpConfig: undefined,
    auditExportConfig: undefined,
    rbacPreAssign: new Map(),
    term: 0,
    asWritten: undefined,
    unknown: undefined,
  };
}
