import { emptyOriginalNetwork, emptyOriginalNode, emptyOriginalStore } from './empty.ts';
import {
  byId,
  byName,
  integerItem,
  intervalItem,
  list,
  listItem,
  objectItem,
  optional,
  textItem,
} from './field-lists.ts';
import { at, codec, flag, integer, patternOf, publicKey, text, time, unixMs, unixSeconds } from './fields.ts';
import type { Field } from './fields.ts';
import { encodeJson, escapeVerbatim, snapshotStyle } from './json-text.ts';
import { maxNetworkId, maxNodeId } from './types.ts';
import type {
  OriginalAuditEntry,
  OriginalAuditExportConfig,
  OriginalHandshakeRequest,
  OriginalHandshakeResponse,
  OriginalIdpConfig,
  OriginalInvite,
  OriginalNetwork,
  OriginalNetworkSample,
  OriginalNode,
  OriginalPolicy,
  OriginalProbeState,
  OriginalRoleAssignment,
  OriginalRules,
  OriginalSample,
  OriginalStatistics,
  OriginalStore,
} from './types.ts';

/*
 * The objects of the snapshot, members in the order in which the original writes them (spec §10.1). The order is part
 * of the format: the original checks the checksum by encoding anew.
 */

const nodeId = { max: maxNodeId };
const networkId = { max: maxNetworkId };
const signed = { min: Number.MIN_SAFE_INTEGER };

/** A node. */
export const nodeCodec = codec<OriginalNode>(emptyOriginalNode, [
  integer('id', 'id', 'always', nodeId),
  text('owner', 'owner', 'omit'),
  publicKey('public_key', 'publicKey'),
  text('real_addr', 'realAddress', 'omit'),
  list<OriginalNode, number>('networks', 'networks', 'always', integerItem(maxNetworkId)),
  flag('public', 'public', 'omit'),
  time('last_seen', 'lastSeenMs', 'omit'),
  text('hostname', 'hostname', 'omit'),
  list<OriginalNode, string>('tags', 'tags', 'omit', textItem),
  flag('task_exec', 'taskExec', 'omit'),
  list<OriginalNode, string>('lan_addrs', 'lanAddresses', 'omit', textItem),
  time('key_created', 'keyCreatedAtMs', 'omit'),
  time('key_rotated', 'keyRotatedAtMs', 'omit'),
  integer('key_rot_count', 'keyRotationCount', 'omit', signed),
  time('key_expires', 'keyExpiresAtMs', 'omit'),
  text('external_id', 'externalId', 'omit'),
  text('version', 'version', 'omit'),
  flag('relay_only', 'relayOnly', 'omit'),
  text('badge', 'badge', 'omit'),
  text('badge_sig', 'badgeSignature', 'omit'),
  text('verification_provider', 'verificationProvider', 'omit'),
  time('verified_at', 'verifiedAtMs', 'omit'),
  text('recovery_commitment', 'recoveryCommitment', 'omit'),
  text('recovery_provider', 'recoveryProvider', 'omit'),
  text('recovery_consumed_nonce', 'recoveryConsumedNonce', 'omit'),
  unixSeconds('recovery_consumed_exp', 'recoveryConsumedExpiresAtMs'),
]);

const policyCodec = codec<OriginalPolicy>(
  () => ({ maxMembers: 0, allowedPorts: [], description: '' }),
  [
    integer('max_members', 'maxMembers', 'always', signed),
    list<OriginalPolicy, number>('allowed_ports', 'allowedPorts', 'always', integerItem(0xffff)),
    text('description', 'description', 'always'),
  ],
);

const rulesCodec = codec<OriginalRules>(
  () => ({ links: 0, cycle: '', prune: 0, pruneBy: '', fill: 0, fillHow: '', grace: '' }),
  [
    integer('links', 'links', 'always', signed),
    text('cycle', 'cycle', 'always'),
    integer('prune', 'prune', 'always', signed),
    text('prune_by', 'pruneBy', 'always'),
    integer('fill', 'fill', 'always', signed),
    text('fill_how', 'fillHow', 'always'),
    text('grace', 'grace', 'omit'),
  ],
);

/** The expression policy is JSON of any form, kept as text. The snapshot reader hands over its verbatim text. */
const exprPolicy: Field<OriginalNetwork> = {
  json: 'expr_policy',
  read: (network, value) => {
    network.exprPolicy = encodeJson(value, snapshotStyle);
  },
  write: (network, path, { style, leftOut }) => {
    if (network.exprPolicy === undefined)
      return network.asWritten?.['expr_policy'] === null ? 'null' : undefined;
    if (isJson(network.exprPolicy)) return escapeVerbatim(network.exprPolicy, style);
    const full = at(path, 'expr_policy');
    leftOut(patternOf(full), full, 'unrepresentable');
    return undefined;
  },
};

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** A network. */
export const networkCodec = codec<OriginalNetwork>(emptyOriginalNetwork, [
  integer('id', 'id', 'always', networkId),
  text('name', 'name', 'always'),
  text('join_rule', 'joinRule', 'always'),
  text('token', 'token', 'omit'),
  list<OriginalNetwork, number>('members', 'members', 'always', integerItem(maxNodeId)),
  byId<OriginalNetwork, string>('member_roles', 'memberRoles', maxNodeId, textItem),
  byId<OriginalNetwork, string[]>('member_tags', 'memberTags', maxNodeId, listItem(textItem)),
  text('admin_token', 'adminToken', 'omit'),
  optional('policy', 'policy', policyCodec),
  optional('rules', 'rules', rulesCodec),
  exprPolicy,
  flag('enterprise', 'enterprise', 'omit'),
  integer('request_count', 'requestCount', 'omit', signed),
  time('created', 'createdAtMs', 'always'),
]);

/** A waiting handshake request. */
export const handshakeRequestCodec = codec<OriginalHandshakeRequest>(
  () => ({ fromNodeId: 0, justification: '', timestampMs: undefined }),
  [
    integer('from_node_id', 'fromNodeId', 'always', nodeId),
    text('justification', 'justification', 'always'),
    time('timestamp', 'timestampMs', 'always', 'instant'),
  ],
);

/** A waiting handshake response. */
export const handshakeResponseCodec = codec<OriginalHandshakeResponse>(
  () => ({ fromNodeId: 0, accept: false, timestampMs: undefined }),
  [
    integer('from_node_id', 'fromNodeId', 'always', nodeId),
    flag('accept', 'accept', 'always'),
    time('timestamp', 'timestampMs', 'always', 'instant'),
  ],
);

/** A waiting invitation. */
export const inviteCodec = codec<OriginalInvite>(
  () => ({ networkId: 0, inviterId: 0, timestampMs: undefined }),
  [
    integer('network_id', 'networkId', 'always', networkId),
    integer('inviter_id', 'inviterId', 'always', nodeId),
    time('timestamp', 'timestampMs', 'always', 'instant'),
  ],
);

const probeCodec = codec<OriginalProbeState>(
  () => ({ lastSuccessMs: undefined, downtimeIntervals: [], currentDownStartMs: undefined }),
  [
    unixMs('last_success', 'lastSuccessMs'),
    list<OriginalProbeState, readonly [number, number]>(
      'downtime_intervals',
      'downtimeIntervals',
      'omit',
      intervalItem,
    ),
    unixMs('current_down_start', 'currentDownStartMs'),
  ],
);

const sampleCodec = codec<OriginalSample>(
  () => ({ timestampMs: 0, totalNodes: 0, onlineNodes: 0, trustLinks: 0, totalRequests: 0 }),
  [
    integer('ts', 'timestampMs', 'always', signed),
    integer('total_nodes', 'totalNodes', 'always', signed),
    integer('online_nodes', 'onlineNodes', 'always', signed),
    integer('trust_links', 'trustLinks', 'omit', signed),
    integer('total_requests', 'totalRequests', 'always', signed),
  ],
);

const networkSampleCodec = codec<OriginalNetworkSample>(
  () => ({ timestampMs: 0, id: 0, name: '', members: 0, online: 0, requests: 0 }),
  [
    integer('ts', 'timestampMs', 'always', signed),
    integer('id', 'id', 'always', networkId),
    text('name', 'name', 'always'),
    integer('members', 'members', 'always', signed),
    integer('online', 'online', 'always', signed),
    integer('requests', 'requests', 'always', signed),
  ],
);

const auditCodec = codec<OriginalAuditEntry>(
  () => ({ timestamp: '', action: '', networkId: 0, nodeId: 0, details: '', prevHash: '', hash: '' }),
  [
    text('timestamp', 'timestamp', 'always'),
    text('action', 'action', 'always'),
    integer('network_id', 'networkId', 'omit', networkId),
    integer('node_id', 'nodeId', 'omit', nodeId),
    text('details', 'details', 'always'),
    text('prev_hash', 'prevHash', 'omit'),
    text('hash', 'hash', 'omit'),
  ],
);

const idpCodec = codec<OriginalIdpConfig>(
  () => ({ type: '', url: '', issuer: '', clientId: '', tenantId: '', domain: '' }),
  [
    text('type', 'type', 'always'),
    text('url', 'url', 'always'),
    text('issuer', 'issuer', 'omit'),
    text('client_id', 'clientId', 'omit'),
    text('tenant_id', 'tenantId', 'omit'),
    text('domain', 'domain', 'omit'),
  ],
);

const auditExportCodec = codec<OriginalAuditExportConfig>(
  () => ({ format: '', endpoint: '', token: '', index: '', source: '' }),
  [
    text('format', 'format', 'always'),
    text('endpoint', 'endpoint', 'always'),
    text('token', 'token', 'omit'),
    text('index', 'index', 'omit'),
    text('source', 'source', 'omit'),
  ],
);

const roleAssignmentCodec = codec<OriginalRoleAssignment>(
  () => ({ externalId: '', role: '' }),
  [text('external_id', 'externalId', 'always'), text('role', 'role', 'always')],
);

/** Statistics are members of the snapshot itself. */
function statistic(field: Field<OriginalStatistics>): Field<OriginalStore> {
  return {
    json: field.json,
    read: (store, value, path, context) => field.read(store.statistics, value, path, context),
    write: (store, path, context) => field.write(store.statistics, path, context),
  };
}

const samples = objectItem(sampleCodec);
const networkSamples = listItem(objectItem(networkSampleCodec));

/** The members between the version and the node table. */
export const headFields: readonly Field<OriginalStore>[] = [
  integer('next_node', 'nextNode', 'always', nodeId),
  integer('next_net', 'nextNet', 'always', networkId),
];

/** The members after the inboxes. */
export const tailFields: readonly Field<OriginalStore>[] = [
  statistic(integer('total_requests', 'totalRequests', 'omit', signed)),
  statistic(integer('total_nodes', 'totalNodes', 'omit', signed)),
  statistic(integer('online_nodes', 'onlineNodes', 'omit', signed)),
  statistic(integer('trust_links', 'trustLinks', 'omit', signed)),
  statistic(integer('unique_tags', 'uniqueTags', 'omit', signed)),
  statistic(integer('task_executors', 'taskExecutors', 'omit', signed)),
  statistic(time('start_time', 'startTimeMs', 'omit')),
  statistic(
    list<OriginalStatistics, number>(
      'restart_events',
      'restartEventsMs',
      'omit',
      integerItem(Number.MAX_SAFE_INTEGER),
    ),
  ),
  statistic(
    list<OriginalStatistics, readonly [number, number]>(
      'downtime_intervals',
      'downtimeIntervals',
      'omit',
      intervalItem,
    ),
  ),
  statistic(unixMs('last_heartbeat', 'lastHeartbeatMs')),
  statistic(
    byName<OriginalStatistics, OriginalProbeState>('probe_states', 'probeStates', objectItem(probeCodec)),
  ),
  statistic(list<OriginalStatistics, OriginalSample>('hourly_history', 'hourlyHistory', 'omit', samples)),
  statistic(list<OriginalStatistics, OriginalSample>('daily_history', 'dailyHistory', 'omit', samples)),
  statistic(
    byId<OriginalStatistics, OriginalNetworkSample[]>(
      'net_hourly_history',
      'networkHourlyHistory',
      maxNetworkId,
      networkSamples,
    ),
  ),
  statistic(
    byId<OriginalStatistics, OriginalNetworkSample[]>(
      'net_daily_history',
      'networkDailyHistory',
      maxNetworkId,
      networkSamples,
    ),
  ),
  list<OriginalStore, OriginalAuditEntry>('audit_log', 'auditLog', 'omit', objectItem(auditCodec)),
  optional('idp_config', 'idpConfig', idpCodec),
  optional('audit_export_config', 'auditExportConfig', auditExportCodec),
  byId<OriginalStore, OriginalRoleAssignment[]>(
    'rbac_pre_assign',
    'rbacPreAssign',
    maxNetworkId,
    listItem(objectItem(roleAssignmentCodec)),
  ),
  integer('term', 'term', 'omit'),
];

/** The members of the snapshot that are read as a whole; the others are read piece by piece. */
export const storeCodec = codec<OriginalStore>(emptyOriginalStore, [
  integer('version', 'version', 'always'),
  ...headFields,
  ...tailFields,
]);
