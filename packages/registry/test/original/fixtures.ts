import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  emptyOriginalNetwork,
  emptyOriginalNode,
  emptyOriginalStore,
  encodeOriginalKey,
  maxNetworkId,
  maxNodeId,
} from '../../src/original/index.ts';
import type { OriginalNetwork, OriginalNode, OriginalStore } from '../../src/original/index.ts';

/** The bytes of a golden vector. */
export function vectorBytes(name: string): Buffer {
  return readFileSync(new URL(`../vectors/registry/${name}`, import.meta.url));
}

/** A golden vector as JSON; the caller states its shape. */
export function vector<T>(name: string): T {
  return JSON.parse(vectorBytes(name).toString('utf8')) as T;
}

/** A snapshot file over a body, as the documented rule says. */
export function withChecksum(body: string): Buffer {
  const checksum = createHash('sha256').update(body).digest('hex');
  return Buffer.from(`${body.slice(0, -1)},"checksum":"${checksum}"}`);
}

/** A snapshot without checksum, from members that are added to a minimal one. */
export function snapshotOf(members: Readonly<Record<string, unknown>>): Buffer {
  const minimal = {
    version: 1,
    next_node: 1,
    next_net: 1,
    nodes: {},
    networks: {
      '0': { id: 0, name: 'backbone', join_rule: 'open', members: [], created: '2026-06-01T00:00:00Z' },
    },
  };
  return Buffer.from(JSON.stringify({ ...minimal, ...members }));
}

/** Any text, with the characters that JSON encoders disagree about. */
export const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom(
    '<b>&</b>',
    '\u2028\u2029',
    'a"b\\c',
    '\u0000\u001f\b\f\n\r\t\u007f',
    '\u{1f600}',
    '__proto__',
    '\\ud800',
  ),
);

/** Whole seconds within the years 1 to 9999, or no time. */
export const anyTime = fc.option(
  fc.integer({ min: -62_135_596_799, max: 253_402_300_799 }).map((seconds) => seconds * 1000),
  { nil: undefined },
);

const anyInstant = fc.option(fc.integer({ min: -62_135_596_799_999, max: 253_402_300_799_999 }), {
  nil: undefined,
});
const anyNodeId = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: maxNodeId }));
const anyNetworkId = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: maxNetworkId }));
const anyCount = fc.nat({ max: 1_000_000 });

const anyNode: fc.Arbitrary<OriginalNode> = fc
  .record({
    id: anyNodeId,
    publicKey: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
    realAddress: anyText,
    networks: fc.constant([0]),
    public: fc.boolean(),
    lastSeenMs: anyTime,
    hostname: anyText,
    tags: fc.array(anyText, { maxLength: 3 }),
    taskExec: fc.boolean(),
    lanAddresses: fc.array(anyText, { maxLength: 2 }),
    keyCreatedAtMs: anyTime,
    keyRotatedAtMs: anyTime,
    keyRotationCount: anyCount,
    keyExpiresAtMs: anyTime,
    externalId: anyText,
    version: anyText,
    relayOnly: fc.boolean(),
    badge: anyText,
    badgeSignature: anyText,
    verificationProvider: anyText,
    verifiedAtMs: anyTime,
    recoveryCommitment: anyText,
    recoveryProvider: anyText,
    recoveryConsumedNonce: anyText,
    recoveryConsumedExpiresAtMs: anyTime.map((time) => (time === 0 ? undefined : time)),
  })
  .map((members) => ({ ...emptyOriginalNode(), ...members, networks: [0] }));

const anyNetwork: fc.Arbitrary<OriginalNetwork> = fc
  .record({
    id: anyNetworkId,
    name: anyText,
    joinRule: fc.constantFrom('open', 'token', 'invite'),
    token: anyText,
    adminToken: anyText,
    memberTags: fc.array(fc.tuple(anyNodeId, fc.array(anyText, { maxLength: 2 })), { maxLength: 3 }),
    policy: fc.option(
      fc.record({
        maxMembers: anyCount,
        allowedPorts: fc.array(fc.nat({ max: 65_535 })),
        description: anyText,
      }),
      { nil: undefined },
    ),
    rules: fc.option(
      fc.record({
        links: anyCount,
        cycle: anyText,
        prune: anyCount,
        pruneBy: anyText,
        fill: anyCount,
        fillHow: anyText,
        grace: anyText,
      }),
      { nil: undefined },
    ),
    exprPolicy: fc.option(fc.json(), { nil: undefined }).map((json) => (json === 'null' ? undefined : json)),
    enterprise: fc.boolean(),
    requestCount: anyCount,
    createdAtMs: anyTime,
  })
  .map((members) => ({ ...emptyOriginalNetwork(), ...members, memberTags: new Map(members.memberTags) }));

const anySample = fc.record({
  timestampMs: anyCount,
  totalNodes: anyCount,
  onlineNodes: anyCount,
  trustLinks: anyCount,
  totalRequests: anyCount,
});

const anyNetworkSample = fc.record({
  timestampMs: anyCount,
  id: anyNetworkId,
  name: anyText,
  members: anyCount,
  online: anyCount,
  requests: anyCount,
});

const anyInterval = fc.tuple(anyCount, anyCount);
const anyMs = fc.option(fc.integer({ min: 1, max: 4e12 }), { nil: undefined });

const anyStatistics = fc
  .record({
    totalRequests: anyCount,
    totalNodes: anyCount,
    onlineNodes: anyCount,
    trustLinks: anyCount,
    uniqueTags: anyCount,
    taskExecutors: anyCount,
    startTimeMs: anyTime,
    restartEventsMs: fc.array(anyCount, { maxLength: 3 }),
    downtimeIntervals: fc.array(anyInterval, { maxLength: 3 }),
    lastHeartbeatMs: anyMs,
    probeStates: fc.array(
      fc.tuple(
        anyText,
        fc.record({
          lastSuccessMs: anyMs,
          downtimeIntervals: fc.array(anyInterval, { maxLength: 2 }),
          currentDownStartMs: anyMs,
        }),
      ),
      { maxLength: 3 },
    ),
    hourlyHistory: fc.array(anySample, { maxLength: 3 }),
    dailyHistory: fc.array(anySample, { maxLength: 3 }),
    networkHourlyHistory: fc.array(fc.tuple(anyNetworkId, fc.array(anyNetworkSample, { maxLength: 2 })), {
      maxLength: 2,
    }),
    networkDailyHistory: fc.array(fc.tuple(anyNetworkId, fc.array(anyNetworkSample, { maxLength: 2 })), {
      maxLength: 2,
    }),
  })
  .map((members) => ({
    ...members,
    probeStates: new Map(members.probeStates),
    networkHourlyHistory: new Map(members.networkHourlyHistory),
    networkDailyHistory: new Map(members.networkDailyHistory),
  }));

function byNode<V>(value: fc.Arbitrary<V>): fc.Arbitrary<Map<number, V[]>> {
  const entry = fc.tuple(anyNodeId, fc.array(value, { maxLength: 3 }));
  return fc.array(entry, { maxLength: 4 }).map((entries) => new Map(entries));
}

/** Any store that agrees with itself as far as the load rules repair it. */
export const anyStore: fc.Arbitrary<OriginalStore> = fc
  .record({
    nodes: fc.uniqueArray(anyNode, { selector: ({ id }) => id, maxLength: 8 }),
    networks: fc.uniqueArray(anyNetwork, { selector: ({ id }) => id, maxLength: 4 }),
    memberships: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom('owner', 'admin', 'member')), {
      maxLength: 12,
    }),
    trustPairs: fc.array(fc.tuple(anyNodeId, anyNodeId), { maxLength: 6 }),
    handshakeInbox: byNode(
      fc.record({ fromNodeId: anyNodeId, justification: anyText, timestampMs: anyInstant }),
    ),
    handshakeResponses: byNode(
      fc.record({ fromNodeId: anyNodeId, accept: fc.boolean(), timestampMs: anyInstant }),
    ),
    inviteInbox: byNode(
      fc.record({ networkId: anyNetworkId, inviterId: anyNodeId, timestampMs: anyInstant }),
    ),
    statistics: anyStatistics,
    auditLog: fc.array(
      fc.record({
        timestamp: anyText,
        action: anyText,
        networkId: fc.nat({ max: maxNetworkId }),
        nodeId: fc.nat({ max: maxNodeId }),
        details: anyText,
        prevHash: anyText,
        hash: anyText,
      }),
      { maxLength: 3 },
    ),
    idpConfig: fc.option(
      fc.record({
        type: anyText,
        url: anyText,
        issuer: anyText,
        clientId: anyText,
        tenantId: anyText,
        domain: anyText,
      }),
      { nil: undefined },
    ),
    auditExportConfig: fc.option(
      fc.record({ format: anyText, endpoint: anyText, token: anyText, index: anyText, source: anyText }),
      { nil: undefined },
    ),
    rbacPreAssign: fc
      .array(
        fc.tuple(anyNetworkId, fc.array(fc.record({ externalId: anyText, role: anyText }), { maxLength: 2 })),
        {
          maxLength: 2,
        },
      )
      .map((entries) => new Map(entries)),
    term: anyCount,
  })
  .map(({ nodes, networks, memberships, ...rest }) => {
    const store: OriginalStore = { ...emptyOriginalStore(), ...rest };
    store.trustPairs = rest.trustPairs.map(([left, right]) =>
      left <= right ? [left, right] : [right, left],
    );
    const backbone = { ...emptyOriginalNetwork(0), name: 'backbone', joinRule: 'open' };
    store.networks.set(0, backbone);
    for (const network of networks) store.networks.set(network.id, network);
    for (const [index, node] of nodes.entries()) {
      node.owner = index % 2 === 0 ? `owner ${index} <&>` : '';
      store.nodes.set(node.id, node);
      backbone.members.push(node.id);
      if (node.owner !== '') store.ownerIdx.set(node.owner, node.id);
      if (node.publicKey !== undefined) store.pubKeyIdx.set(encodeOriginalKey(node.publicKey), node.id);
    }
    for (const [nodeAt, networkAt, role] of memberships) {
      const node = nodes[nodeAt % nodes.length];
      const network = networks[networkAt % networks.length];
      if (node === undefined || network === undefined || network.members.includes(node.id)) continue;
      network.members.push(node.id);
      network.memberRoles.set(node.id, role);
      node.networks.push(network.id);
    }
    const highestNode = Math.max(0, ...store.nodes.keys());
    const highestNet = Math.max(0, ...store.networks.keys());
    store.nextNode = highestNode === maxNodeId ? 0 : highestNode + 1;
    store.nextNet = highestNet === maxNetworkId ? 0 : highestNet + 1;
    return store;
  });
