import type { Random } from '@muster/core';
import { hashSecret, MAX_SECRET_BYTES } from '../auth/secrets.ts';
import type { Directory } from '../model/directory.ts';
import { BACKBONE } from '../model/limits.ts';
import { Network, type Role, type StoredSecret } from '../model/network.ts';
import type { NodeProfile, RareFields } from '../model/node-profile.ts';
import { NodeFlag } from '../model/node-table.ts';
import { TrustBit } from '../model/trust-graph.ts';
import {
  decodeOriginalKey,
  encodeOriginalKey,
  maxNetworkId,
  maxNodeId,
  unixMsToRfc3339,
} from '../original/index.ts';
import type { OriginalNetwork, OriginalNode, OriginalStore } from '../original/index.ts';
import { carriedSections, rulesText } from './original-carried.ts';
import { transferErrors } from './original-errors.ts';
import type { TransferNotes } from './original-notes.ts';

const NODES_PER_STEP = 1_000;
const MAX_U32 = 0xffff_ffff;
const MAX_SHORT_BYTES = 0xff;
const MAX_MEDIUM_BYTES = 0xffff;
const MAX_LIST_ITEMS = 0xff;
const roles: ReadonlySet<string> = new Set(['owner', 'admin', 'member']);

/** What filling a directory needs besides the store. */
export interface FillContext {
  readonly random: Random;
  readonly nowSeconds: number;
  readonly notes: TransferNotes;
}

/**
 * Fills an empty directory with a store of the original (spec §6, §10.1), in steps that yield how many identities are
 * done. Memberships are those that the networks list: a node's own list only orders them. Reaped identities become
 * tombstones; so do ids that memberships or trust name and of which nothing else is known, so that a new node never
 * gets such an id with what it may do. Tokens are hashed. Everything that changes on the way is noted.
 *
 * Errors: IMPORT_TOO_LARGE.
 */
export function* fillDirectory(
  state: Directory,
  store: OriginalStore,
  context: FillContext,
): Generator<number, void> {
  const identities = collectIdentities(store, context.notes);
  const count = store.nodes.size + identities.gone.size;
  if (count > state.nodes.capacity - 1) {
    const { maxNodes, maxTombstones } = state.limits;
    throw transferErrors.create('IMPORT_TOO_LARGE', `import: ${count} identities`, {
      details: { identities: count, maxNodes, maxTombstones },
    });
  }
  const filler = new Filler(state, context, membershipsOf(store));
  let done = 0;
  for (const node of insertionOrder(store, (id) => state.nodes.slotOf(id) >= 0)) {
    filler.addNode(node);
    if (++done % NODES_PER_STEP === 0) yield done;
  }
  for (const [id, identity] of identities.gone) {
    filler.addTombstone(id, identity);
    if (++done % NODES_PER_STEP === 0) yield done;
  }
  const networks = [...store.networks.values()].sort((a, b) => a.id - b.id);
  for (const network of networks) {
    filler.addNetwork(network);
    yield done;
  }
  filler.addTrust(store.trustPairs);
  state.nextNode = store.nextNode === 0 ? maxNodeId + 1 : store.nextNode;
  state.nextNetwork = store.nextNet === 0 ? maxNetworkId + 1 : store.nextNet;
  setIdentityProvider(state, store);
  state.carried = carriedSections(store, context.notes);
  yield done;
}

/** What is known of an identity without a node. */
interface GoneIdentity {
  key: Uint8Array | undefined;
  owner: string;
}

/** The identities without a node: by key, by owner, and by being named somewhere. */
function collectIdentities(
  store: OriginalStore,
  notes: TransferNotes,
): { readonly gone: Map<number, GoneIdentity> } {
  const gone = new Map<number, GoneIdentity>();
  const identity = (id: number): GoneIdentity | undefined => {
    if (id === 0 || store.nodes.has(id)) return undefined;
    let found = gone.get(id);
    if (found === undefined) gone.set(id, (found = { key: undefined, owner: '' }));
    return found;
  };
  for (const [text, id] of store.pubKeyIdx) {
    const key = decodeOriginalKey(text);
    const node = store.nodes.get(id);
    if (key === undefined || id === 0) notes.add('KEY_ENTRY_DROPPED', `pub_key_idx.${text}`);
    else if (node !== undefined) {
      const isItsKey = node.publicKey !== undefined && encodeOriginalKey(node.publicKey) === text;
      if (!isItsKey) notes.add('KEY_ENTRY_DROPPED', `pub_key_idx.${text}: node ${id} has another key`);
    } else {
      const found = identity(id) as GoneIdentity;
      if (found.key === undefined) found.key = key;
      else notes.add('KEY_ENTRY_DROPPED', `pub_key_idx.${text}: node ${id} has another key, too`);
    }
  }
  for (const [owner, id] of store.ownerIdx) {
    const found = identity(id);
    if (found !== undefined) found.owner = owner;
  }
  for (const network of store.networks.values()) {
    if (network.id !== BACKBONE) for (const member of network.members) identity(member);
  }
  for (const [low, high] of store.trustPairs) {
    if (!isTrust(low, high)) continue;
    identity(low);
    identity(high);
  }
  return { gone };
}

function isTrust(low: number, high: number): boolean {
  return low !== 0 && low !== high;
}

/** Network ids in ascending order by member, without the backbone. */
function membershipsOf(store: OriginalStore): ReadonlyMap<number, readonly number[]> {
  const memberships = new Map<number, number[]>();
  for (const id of [...store.networks.keys()].sort((a, b) => a - b)) {
    if (id === BACKBONE) continue;
    for (const member of store.networks.get(id)?.members ?? []) {
      const listed = memberships.get(member);
      if (listed === undefined) memberships.set(member, [id]);
      else listed.push(id);
    }
  }
  return memberships;
}

/**
 * Nodes in the order of the backbone's members, which later is the order of its list. A node whose key leads to another
 * node that has it, too, comes behind that one, because the first of two equal keys is the one that is found.
 */
function* insertionOrder(store: OriginalStore, isInserted: (id: number) => boolean): Generator<OriginalNode> {
  const later: OriginalNode[] = [];
  // The load rules have put every node on the backbone.
  for (const id of store.networks.get(BACKBONE)?.members ?? []) {
    const node = store.nodes.get(id);
    if (node === undefined) continue;
    const holder = otherHolder(store, node);
    if (holder === undefined || isInserted(holder.id)) yield node;
    else later.push(node);
  }
  yield* later;
}

/** The node that a node's key leads to, when it is another one that has the key, too. */
function otherHolder(store: OriginalStore, { id, publicKey }: OriginalNode): OriginalNode | undefined {
  if (publicKey === undefined) return undefined;
  const text = encodeOriginalKey(publicKey);
  const holderId = store.pubKeyIdx.get(text);
  const holder = holderId === undefined || holderId === id ? undefined : store.nodes.get(holderId);
  const hasIt = holder?.publicKey !== undefined && encodeOriginalKey(holder.publicKey) === text;
  return hasIt ? holder : undefined;
}

function setIdentityProvider(state: Directory, { idpConfig }: OriginalStore): void {
  if (idpConfig === undefined) return;
  const { type, url, issuer, clientId, tenantId, domain } = idpConfig;
  state.identityProvider = {
    type,
    url,
    ...(issuer === '' ? {} : { issuer }),
    ...(clientId === '' ? {} : { clientId }),
    ...(tenantId === '' ? {} : { tenantId }),
    ...(domain === '' ? {} : { domain }),
  };
}

class Filler {
  readonly #state: Directory;
  readonly #context: FillContext;
  readonly #memberships: ReadonlyMap<number, readonly number[]>;

  constructor(state: Directory, context: FillContext, memberships: ReadonlyMap<number, readonly number[]>) {
    this.#state = state;
    this.#context = context;
    this.#memberships = memberships;
  }

  addNode(node: OriginalNode): void {
    const { nodes } = this.#state;
    const { notes } = this.#context;
    const path = `nodes.${node.id}`;
    const { publicKey } = node;
    if (publicKey !== undefined) {
      const holder = nodes.slotOfKey(publicKey);
      if (holder >= 0) notes.add('KEY_SHARED', `${path}: the key leads to node ${nodes.idOf(holder)}`);
    }
    const slot = nodes.insert(node.id, publicKey);
    nodes.setKeyMeta(slot, {
      createdAt: this.#seconds(node.keyCreatedAtMs, `${path}.key_created`),
      rotatedAt: this.#seconds(node.keyRotatedAtMs, `${path}.key_rotated`),
      rotateCount: this.#inRange(node.keyRotationCount, 0, `${path}.key_rot_count`),
      expiresAt: this.#seconds(node.keyExpiresAtMs, `${path}.key_expires`),
    });
    this.#setProfile(slot, this.#profileOf(node, path), path);
    nodes.setFlag(slot, NodeFlag.public, node.public);
    nodes.setFlag(slot, NodeFlag.taskExec, node.taskExec);
    nodes.setFlag(slot, NodeFlag.relayOnly, node.relayOnly);
    nodes.setLive(slot, true, 0);
    nodes.lastSeen[slot] = this.#seconds(node.lastSeenMs, `${path}.last_seen`);
  }

  addTombstone(id: number, { key, owner }: GoneIdentity): void {
    const { nodes } = this.#state;
    const { notes, nowSeconds } = this.#context;
    const path = `node ${id}, which is gone`;
    if (key === undefined) notes.add('IDENTITY_WITHOUT_KEY', path);
    else if (nodes.slotOfKey(key) >= 0) notes.add('KEY_SHARED', path);
    const slot = nodes.insert(id, key);
    const networks = this.#memberships.get(id) ?? [];
    const profile = { ...nodes.profile(slot), owner: this.#cut(owner, MAX_MEDIUM_BYTES, path), networks };
    this.#setProfile(slot, profile, path);
    nodes.setLive(slot, false, nowSeconds);
  }

  addNetwork(original: OriginalNetwork): void {
    const state = this.#state;
    const path = `networks.${original.id}`;
    const { policy } = original;
    const network = new Network({
      id: original.id,
      name: original.name,
      joinRule: original.joinRule,
      token: this.#hash(original.token, `${path}.token`),
      adminToken: this.#hash(original.adminToken, `${path}.admin_token`),
      enterprise: original.enterprise,
      policy:
        policy === undefined
          ? undefined
          : {
              maxMembers: policy.maxMembers,
              allowedPorts: policy.allowedPorts,
              description: policy.description,
            },
      rules: rulesText(original),
      exprPolicy: original.exprPolicy,
      created: Math.floor((original.createdAtMs ?? 0) / 1000),
    });
    const present = state.networks.get(original.id);
    if (present !== undefined) state.removeNetwork(present);
    state.addNetwork(network);
    const isBackbone = original.id === BACKBONE;
    if (!isBackbone) this.#addMembers(network, original);
    for (const [node, role] of original.memberRoles) {
      if (!roles.has(role) || !network.has(node)) {
        this.#context.notes.add('ROLE_DROPPED', `${path}.member_roles.${node}`);
      }
    }
    for (const [node, tags] of original.memberTags) {
      const isMember = isBackbone ? state.nodes.liveSlotOf(node) >= 0 : network.has(node);
      if (isMember) network.tags.set(node, tags);
      else this.#context.notes.add('TAGS_DROPPED', `${path}.member_tags.${node}`);
    }
  }

  addTrust(pairs: Iterable<readonly [number, number]>): void {
    for (const [low, high] of pairs) {
      if (isTrust(low, high)) this.#state.trust.add(low, high, TrustBit.accepted, 0);
      else this.#context.notes.add('TRUST_DROPPED', `trust_pairs: ${low}:${high}`);
    }
  }

  #addMembers(network: Network, original: OriginalNetwork): void {
    for (const member of original.members) {
      if (member === 0) {
        this.#context.notes.add('MEMBERSHIP_DROPPED', `networks.${network.id}.members: 0`);
        continue;
      }
      const role = original.memberRoles.get(member);
      network.add(member, role !== undefined && roles.has(role) ? (role as Role) : 'member');
    }
  }

  /** The first node with a hostname or owner label is found by it. */
  #setProfile(slot: number, profile: NodeProfile, path: string): void {
    const { nodes } = this.#state;
    const { notes } = this.#context;
    const hostnameHolder = nodes.slotOfHostname(profile.hostname);
    const ownerHolder = nodes.slotOfOwner(profile.owner);
    nodes.setProfile(slot, profile);
    if (hostnameHolder >= 0) {
      nodes.takeHostname(hostnameHolder);
      notes.add('HOSTNAME_TAKEN', `${path}: ${profile.hostname} is node ${nodes.idOf(hostnameHolder)}`);
    }
    if (ownerHolder >= 0) {
      notes.add('OWNER_TAKEN', `${path}: the owner label leads to node ${nodes.idOf(ownerHolder)}`);
    }
  }

  #profileOf(node: OriginalNode, path: string): NodeProfile {
    const short = (text: string, name: string): string => this.#cut(text, MAX_SHORT_BYTES, `${path}.${name}`);
    const medium = (text: string, name: string): string =>
      this.#cut(text, MAX_MEDIUM_BYTES, `${path}.${name}`);
    return {
      networks: this.#networksOf(node, path),
      hostname: short(node.hostname, 'hostname'),
      tags: this.#items(node.tags, `${path}.tags`),
      realAddr: medium(node.realAddress, 'real_addr'),
      version: medium(node.version, 'version'),
      lanAddrs: this.#items(node.lanAddresses, `${path}.lan_addrs`),
      owner: medium(node.owner, 'owner'),
      externalId: medium(node.externalId, 'external_id'),
      rare: rareOf(node),
    };
  }

  #networksOf(node: OriginalNode, path: string): number[] {
    const { notes } = this.#context;
    const listedBy = new Set(this.#memberships.get(node.id));
    const networks = new Set([BACKBONE]);
    for (const id of node.networks) {
      if (listedBy.has(id) || id === BACKBONE) networks.add(id);
      else notes.add('MEMBERSHIP_DROPPED', `${path}.networks: ${id}`);
    }
    for (const id of listedBy) {
      if (networks.has(id)) continue;
      notes.add('MEMBERSHIP_ADDED', `${path}.networks: ${id}`);
      networks.add(id);
    }
    return [...networks];
  }

  #items(list: readonly string[], path: string): readonly string[] {
    if (list.length > MAX_LIST_ITEMS) this.#context.notes.add('CUT', path);
    return list.slice(0, MAX_LIST_ITEMS).map((text) => this.#cut(text, MAX_SHORT_BYTES, path));
  }

  #cut(text: string, maxBytes: number, path: string): string {
    if (text.length * 3 <= maxBytes) return text;
    const bytes = Buffer.from(text);
    if (bytes.length <= maxBytes) return text;
    this.#context.notes.add('CUT', path);
    let end = maxBytes;
    while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
    return bytes.toString('utf8', 0, end);
  }

  /** Unix seconds; 0 stands for "none", so a time that is known is at least 1. */
  #seconds(unixMs: number | undefined, path: string): number {
    return unixMs === undefined ? 0 : this.#inRange(Math.floor(unixMs / 1000), 1, path);
  }

  #inRange(value: number, min: number, path: string): number {
    const nearest = Math.min(Math.max(value, min), MAX_U32);
    if (nearest !== value) this.#context.notes.add('OUT_OF_RANGE', path);
    return nearest;
  }

  #hash(secret: string, path: string): StoredSecret | undefined {
    if (secret === '') return undefined;
    if (Buffer.byteLength(secret) > MAX_SECRET_BYTES) this.#context.notes.add('TOKEN_TOO_LONG', path);
    return hashSecret(secret, this.#context.random);
  }
}

function rareOf(node: OriginalNode): RareFields {
  const { verifiedAtMs, recoveryConsumedExpiresAtMs } = node;
  const written = node.asWritten?.['verified_at'];
  const canonical = verifiedAtMs === undefined ? undefined : unixMsToRfc3339(verifiedAtMs, 'seconds');
  const verifiedAt = typeof written === 'string' ? written : canonical;
  return {
    ...(node.badge === '' ? {} : { badge: node.badge }),
    ...(node.badgeSignature === '' ? {} : { badgeSig: node.badgeSignature }),
    ...(node.verificationProvider === '' ? {} : { verificationProvider: node.verificationProvider }),
    ...(verifiedAt === undefined ? {} : { verifiedAt }),
    ...(node.recoveryCommitment === '' ? {} : { recoveryCommitment: node.recoveryCommitment }),
    ...(node.recoveryProvider === '' ? {} : { recoveryProvider: node.recoveryProvider }),
    ...(node.recoveryConsumedNonce === '' ? {} : { recoveryConsumedNonce: node.recoveryConsumedNonce }),
    ...(recoveryConsumedExpiresAtMs === undefined
      ? {}
      : { recoveryConsumedExp: Math.floor(recoveryConsumedExpiresAtMs / 1000) }),
    ...(node.unknown === undefined ? {} : { unknown: Object.fromEntries(node.unknown) }),
  };
}
