import type { Random } from '@muster/core';
import type { Directory } from '../model/directory.ts';
import { BACKBONE } from '../model/limits.ts';
import type { Network, StoredSecret } from '../model/network.ts';
import type { RareFields } from '../model/node-profile.ts';
import { NodeFlag } from '../model/node-table.ts';
import {
  emptyOriginalNetwork,
  emptyOriginalNode,
  emptyOriginalStore,
  encodeOriginalKey,
  maxNetworkId,
  maxNodeId,
  rfc3339ToUnixMs,
} from '../original/index.ts';
import type {
  OriginalNetwork,
  OriginalNode,
  OriginalSnapshotSource,
  OriginalTrustPair,
} from '../original/index.ts';
import { CarriedDetails, readRulesText, restoreCarried } from './original-carried.ts';
import type { TransferNotes } from './original-notes.ts';

const TOKEN_BYTES = 32;

/** A network whose tokens could not be given back: the file has new ones that nobody knows yet. */
export interface NetworkWithNewToken {
  readonly id: number;
  readonly name: string;
  readonly token: boolean;
  readonly adminToken: boolean;
}

/** What making a source needs besides the directory. */
export interface SourceContext {
  readonly random: Random;
  readonly nowSeconds: number;
  /** A node that was seen within this time counts as online. */
  readonly onlineSeconds: number;
  readonly notes: TransferNotes;
}

/**
 * A directory as the original's snapshot wants it; nodes are made when they are asked for. The directory must not change
 * meanwhile. Tokens are hashes here, so the file gets tokens that nobody can guess, and the networks stay closed.
 */
export function sourceFromDirectory(
  state: Directory,
  context: SourceContext,
): { readonly source: OriginalSnapshotSource; readonly newTokens: readonly NetworkWithNewToken[] } {
  const { notes } = context;
  const details = new CarriedDetails(state.carried);
  const newTokens: NetworkWithNewToken[] = [];
  const networks = new Map<number, OriginalNetwork>();
  for (const network of state.networks.values()) {
    networks.set(network.id, networkOf(state, network, details, context, newTokens));
  }
  const base = { ...emptyOriginalStore(), networks, pubKeyIdx: keyIndexOf(state, notes) };
  restoreCarried(state.carried, base);
  base.trustPairs = trustOf(state, notes);
  base.idpConfig = identityProviderOf(state);
  base.nextNode = nextAbove(state.nextNode, highestOf(givenIds(state)), maxNodeId);
  base.nextNet = nextAbove(state.nextNetwork, highestOf(networks.keys()), maxNetworkId);
  count(state, base, context);
  noteWhatIsLost(state, notes);
  return { source: { ...base, nodes: nodeTable(state, details) }, newTokens };
}

function nodeTable(state: Directory, details: CarriedDetails): OriginalSnapshotSource['nodes'] {
  const { nodes } = state;
  return {
    size: nodes.liveCount,
    keys: () => liveIds(state),
    get(id) {
      const slot = nodes.liveSlotOf(id);
      return slot < 0 ? undefined : nodeOf(state, slot, details);
    },
  };
}

function* liveIds(state: Directory): Generator<number> {
  const { nodes } = state;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    if (nodes.has(slot, NodeFlag.live)) yield nodes.idOf(slot);
  }
}

function nodeOf(state: Directory, slot: number, details: CarriedDetails): OriginalNode {
  const { nodes } = state;
  const profile = nodes.profile(slot);
  const node = emptyOriginalNode(nodes.idOf(slot));
  const key = nodes.key(slot);
  node.publicKey = key;
  const keyText = key === undefined ? details.keyText(node.id) : undefined;
  if (keyText !== undefined) node.asWritten = { public_key: keyText };
  node.owner = profile.owner;
  node.realAddress = profile.realAddr;
  node.networks = [...profile.networks];
  node.public = nodes.has(slot, NodeFlag.public);
  node.lastSeenMs = unixMs(nodes.lastSeen[slot]);
  node.hostname = profile.hostname;
  node.tags = [...profile.tags];
  node.taskExec = nodes.has(slot, NodeFlag.taskExec);
  node.lanAddresses = [...profile.lanAddrs];
  node.keyCreatedAtMs = unixMs(nodes.createdAt[slot]);
  node.keyRotatedAtMs = unixMs(nodes.rotatedAt[slot]);
  node.keyRotationCount = nodes.rotateCount[slot] ?? 0;
  node.keyExpiresAtMs = unixMs(nodes.expiresAt[slot]);
  node.externalId = profile.externalId;
  node.version = profile.version;
  node.relayOnly = nodes.has(slot, NodeFlag.relayOnly);
  setRare(node, profile.rare);
  return node;
}

function setRare(node: OriginalNode, rare: RareFields): void {
  node.badge = rare.badge ?? '';
  node.badgeSignature = rare.badgeSig ?? '';
  node.verificationProvider = rare.verificationProvider ?? '';
  if (rare.verifiedAt !== undefined) {
    node.verifiedAtMs = rfc3339ToUnixMs(rare.verifiedAt);
    node.asWritten = { ...node.asWritten, verified_at: rare.verifiedAt };
  }
  node.recoveryCommitment = rare.recoveryCommitment ?? '';
  node.recoveryProvider = rare.recoveryProvider ?? '';
  node.recoveryConsumedNonce = rare.recoveryConsumedNonce ?? '';
  node.recoveryConsumedExpiresAtMs = unixMs(rare.recoveryConsumedExp);
  if (rare.unknown !== undefined) {
    node.unknown = new Map(Object.entries(rare.unknown)) as NonNullable<OriginalNode['unknown']>;
  }
}

/** 0 stands for "none". */
function unixMs(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds === 0 ? undefined : seconds * 1000;
}

function networkOf(
  state: Directory,
  network: Network,
  details: CarriedDetails,
  { random }: SourceContext,
  newTokens: NetworkWithNewToken[],
): OriginalNetwork {
  const { profile } = network;
  const original = emptyOriginalNetwork(network.id);
  const replaced = (secret: StoredSecret | undefined): string =>
    secret === undefined ? '' : Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url');
  original.name = profile.name;
  original.joinRule = profile.joinRule;
  original.token = replaced(profile.token);
  original.adminToken = replaced(profile.adminToken);
  if (profile.token !== undefined || profile.adminToken !== undefined) {
    const token = profile.token !== undefined;
    newTokens.push({
      id: network.id,
      name: profile.name,
      token,
      adminToken: profile.adminToken !== undefined,
    });
  }
  original.members = network.id === BACKBONE ? [...liveIds(state)] : [...network.members()];
  if (network.id !== BACKBONE) {
    for (const member of original.members) original.memberRoles.set(member, network.role(member) ?? 'member');
  }
  for (const [node, tags] of network.tags) original.memberTags.set(node, [...tags]);
  if (profile.policy !== undefined) {
    const { maxMembers, allowedPorts, description } = profile.policy;
    original.policy = { maxMembers, allowedPorts: [...allowedPorts], description };
  }
  if (profile.rules !== undefined) readRulesText(original, profile.rules);
  original.exprPolicy = profile.exprPolicy;
  original.enterprise = profile.enterprise;
  original.requestCount = network.requestCount;
  original.createdAtMs = unixMs(profile.created);
  details.complete(original);
  return original;
}

/** Every key that leads to an identity, live or gone. */
function keyIndexOf(state: Directory, notes: TransferNotes): Map<string, number> {
  const { nodes } = state;
  const index = new Map<string, number>();
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    const key = nodes.idOf(slot) === 0 ? undefined : nodes.key(slot);
    if (key === undefined) continue;
    if (nodes.slotOfKey(key) === slot) index.set(encodeOriginalKey(key), nodes.idOf(slot));
    else notes.add('KEY_SHARED', `node ${nodes.idOf(slot)}`);
  }
  return index;
}

/** The pairs that count, in ascending order. */
function trustOf(state: Directory, notes: TransferNotes): OriginalTrustPair[] {
  const pairs: OriginalTrustPair[] = [];
  for (const [low, { peers }] of state.trust.entries) {
    for (const high of peers.keys()) {
      if (state.trust.trusted(low, high)) pairs.push([low, high]);
      else notes.add('PENDING_TRUST_LEFT_OUT', `${low}:${high}`);
    }
  }
  return pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

function identityProviderOf({ identityProvider }: Directory): OriginalSnapshotSource['idpConfig'] {
  if (identityProvider === undefined) return undefined;
  const { type, url, issuer = '', clientId = '', tenantId = '', domain = '' } = identityProvider;
  return { type, url, issuer, clientId, tenantId, domain };
}

function highestOf(ids: Iterable<number>): number {
  let highest = 0;
  for (const id of ids) highest = Math.max(highest, id);
  return highest;
}

/** Ids that were given out; not those that were merely named somewhere, which may be any. */
function* givenIds({ nodes }: Directory): Generator<number> {
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    if (nodes.has(slot, NodeFlag.live) || nodes.has(slot, NodeFlag.hasKey)) yield nodes.idOf(slot);
  }
}

/** A counter of the original: above every id in use; 0 when there is none left. */
function nextAbove(next: number, inUse: number, max: number): number {
  const wanted = Math.max(next, inUse + 1);
  return wanted > max ? 0 : wanted;
}

/** The counters that the original computes anew, too. */
function count(
  state: Directory,
  base: {
    readonly statistics: OriginalSnapshotSource['statistics'];
    readonly trustPairs: readonly unknown[];
  },
  { nowSeconds, onlineSeconds }: SourceContext,
): void {
  const { nodes } = state;
  const tags = new Set<string>();
  let online = 0;
  let executors = 0;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    if (!nodes.has(slot, NodeFlag.live)) continue;
    if ((nodes.lastSeen[slot] ?? 0) >= nowSeconds - onlineSeconds) online += 1;
    if (nodes.has(slot, NodeFlag.taskExec)) executors += 1;
    for (const tag of nodes.profile(slot).tags) tags.add(tag);
  }
  const { statistics } = base;
  statistics.totalNodes = nodes.liveCount;
  statistics.onlineNodes = online;
  statistics.trustLinks = base.trustPairs.length;
  statistics.uniqueTags = tags.size;
  statistics.taskExecutors = executors;
}

function noteWhatIsLost(state: Directory, notes: TransferNotes): void {
  const { nodes } = state;
  if (state.identityWebhookUrl !== '') notes.add('WEBHOOK_LEFT_OUT', 'the identity webhook');
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    const id = nodes.idOf(slot);
    if (id === 0) continue;
    const isLive = nodes.has(slot, NodeFlag.live);
    const profile = nodes.profile(slot);
    if (!isLive && !nodes.has(slot, NodeFlag.hasKey)) notes.add('IDENTITY_WITHOUT_KEY', `node ${id}`);
    else if (!isLive && (profile.tags.length > 0 || profile.hostname !== '' || profile.owner !== '')) {
      notes.add('TOMBSTONE_REDUCED', `node ${id}`);
    }
    if (isLive && profile.hostname !== '' && !nodes.has(slot, NodeFlag.ownsHostname)) {
      notes.add('HOSTNAME_TAKEN', `node ${id}: ${profile.hostname}`);
    }
    if (nodes.has(slot, NodeFlag.signatureVerified | NodeFlag.requiresV2)) {
      notes.add('SIGNATURE_MARK_LEFT_OUT', `node ${id}`);
    }
  }
}
