import { emptyOriginalNetwork, emptyOriginalNode } from './empty.ts';
import { decodeOriginalKey, encodeOriginalKey, sameKey } from './keys.ts';
import { counterAbove, ensureBackbone } from './load-rules.ts';
import type {
  OriginalKeyRotationRecord,
  OriginalLogRecord,
  OriginalMembershipRecord,
  OriginalNetworkCreateRecord,
  OriginalRegisterRecord,
} from './log-records.ts';
import { rfc3339ToUnixMs } from './rfc3339.ts';
import { backboneNetworkId, maxNetworkId, maxNodeId } from './types.ts';
import type { OriginalInvite, OriginalNetwork, OriginalNode, OriginalStore } from './types.ts';
import { OriginalWarnings } from './warnings.ts';

/** What a replay did. */
export interface OriginalReplay {
  /** Records that changed the store. */
  readonly applied: number;
  /** Records that had no effect: already applied, about something unknown, or of a type without content. */
  readonly withoutEffect: number;
  /** How many records there were of each type that is not known. */
  readonly unknownTypes: ReadonlyMap<number, number>;
}

/**
 * Applies the records of a log to a store, in order (spec §10.2, B-34). Applying the same log again changes nothing, so
 * it does not matter whether the snapshot already had all of it. (This needs what holds for every log of the original:
 * ids are not registered twice, and nothing is said about one before.)
 *
 * Other than the original: the backbone exists before the first record, so that every node is on it; a node that
 * deregisters leaves its key and owner index behind, as it does on a live server, so that it can come back under its
 * id; and its invitations, roles and member tags go, as they do there.
 *
 * What can't be done as written (a taken hostname, an unreadable key, id 0) is reported in `warnings`.
 */
export function applyOriginalLog(
  store: OriginalStore,
  records: readonly OriginalLogRecord[],
  warnings: OriginalWarnings = new OriginalWarnings(),
): OriginalReplay {
  const replay = new Replay(store, records, warnings);
  let applied = 0;
  const unknownTypes = new Map<number, number>();
  for (const [index, record] of records.entries()) {
    if (replay.apply(record, index)) applied += 1;
    if (record.kind === 'unknown') unknownTypes.set(record.type, (unknownTypes.get(record.type) ?? 0) + 1);
  }
  replay.finish();
  return { applied, withoutEffect: records.length - applied, unknownTypes };
}

/** The store during a replay, with the indices that make each record cheap. */
class Replay {
  readonly #store: OriginalStore;
  readonly #warnings: OriginalWarnings;
  readonly #backbone: OriginalNetwork;
  /** Hostname to the live node that has it. */
  readonly #hostnames = new Map<string, number>();
  /** The members of the networks that were touched; they go back into the lists at the end. */
  readonly #members = new Map<OriginalNetwork, Set<number>>();
  /** Node id to the index of the last rotation that the store already has. */
  readonly #rotatedUpTo: Map<number, number>;
  /** Inviter, and network, to the nodes in whose inbox such an invitation lay at the start. The log adds none. */
  readonly #invitedBy = new Map<number, Set<number>>();
  readonly #invitedInto = new Map<number, Set<number>>();

  constructor(store: OriginalStore, records: readonly OriginalLogRecord[], warnings: OriginalWarnings) {
    this.#store = store;
    this.#warnings = warnings;
    this.#backbone = ensureBackbone(store);
    for (const { hostname, id } of store.nodes.values()) {
      if (hostname !== '' && !this.#hostnames.has(hostname)) this.#hostnames.set(hostname, id);
    }
    this.#rotatedUpTo = rotationsAlreadyApplied(store, records);
    for (const [target, invites] of store.inviteInbox) {
      for (const { inviterId, networkId } of invites) {
        addTo(this.#invitedBy, inviterId, target);
        addTo(this.#invitedInto, networkId, target);
      }
    }
  }

  /** Applies one record; false when it had no effect. */
  apply(record: OriginalLogRecord, index: number): boolean {
    switch (record.kind) {
      case 'register':
        return this.#register(record, index);
      case 'deregister':
        return this.#deregister(record.nodeId);
      case 'network-create':
        return this.#createNetwork(record, index);
      case 'network-join':
        return this.#join(record);
      case 'network-leave':
        return this.#leave(record);
      case 'key-rotation':
        return this.#rotate(record, index);
      case 'network-delete':
        return this.#deleteNetwork(record.networkId);
      case 'reserved':
      case 'unknown':
        return false;
      default:
        return record satisfies never;
    }
  }

  /** Puts the members back into the lists of their networks. */
  finish(): void {
    for (const [network, members] of this.#members) network.members = [...members];
  }

  #register(record: OriginalRegisterRecord, index: number): boolean {
    const { nodes } = this.#store;
    const { nodeId, owner } = record;
    const path = `log.${index}`;
    if (nodeId === 0) {
      this.#warnings.add('LOG_INVALID', path, 'a registration without a node id is ignored');
      return false;
    }
    this.#store.nextNode = counterAbove(this.#store.nextNode, nodeId, maxNodeId);
    if (nodes.has(nodeId)) return false;
    const node = emptyOriginalNode(nodeId);
    node.owner = owner;
    node.publicKey = decodeOriginalKey(record.publicKey);
    node.realAddress = record.realAddress;
    node.hostname = this.#freeHostname(record, path);
    node.lanAddresses = [...record.lanAddresses];
    node.version = record.version;
    node.keyCreatedAtMs = rfc3339ToUnixMs(record.createdAt);
    // The log has no time of its own; the registration was the last sign of life that it knows.
    node.lastSeenMs = node.keyCreatedAtMs;
    nodes.set(nodeId, node);
    this.#rotatedUpTo.delete(nodeId);
    this.#addMember(this.#backbone, node);
    if (owner !== '') this.#index(this.#store.ownerIdx, owner, nodeId, `${path}.owner`);
    if (node.publicKey !== undefined) {
      this.#index(this.#store.pubKeyIdx, encodeOriginalKey(node.publicKey), nodeId, `${path}.public_key`);
    } else if (record.publicKey !== '') {
      const message = `node ${nodeId} is registered without its key, which is unreadable`;
      this.#warnings.add('LOG_INVALID', `${path}.public_key`, message);
    }
    return true;
  }

  #freeHostname({ hostname, nodeId }: OriginalRegisterRecord, path: string): string {
    if (hostname === '') return '';
    const holder = this.#hostnames.get(hostname);
    if (holder === undefined) {
      this.#hostnames.set(hostname, nodeId);
      return hostname;
    }
    const message = `node ${nodeId} registers the hostname of node ${holder}; it is registered without`;
    this.#warnings.add('LOG_CONFLICT', `${path}.hostname`, message);
    return '';
  }

  /** Points an index at a node, unless another live node is what it leads to. */
  #index(index: Map<string, number>, key: string, nodeId: number, path: string): void {
    const indexed = index.get(key);
    if (indexed !== undefined && indexed !== nodeId && this.#store.nodes.has(indexed)) {
      this.#warnings.add(
        'LOG_CONFLICT',
        path,
        `${path} of node ${nodeId} belongs to node ${indexed}, which keeps it`,
      );
      return;
    }
    index.set(key, nodeId);
  }

  /** As on a live server: key and owner index, trust and handshakes stay for the node's return. */
  #deregister(nodeId: number): boolean {
    const { nodes, networks, inviteInbox } = this.#store;
    const node = nodes.get(nodeId);
    if (node === undefined) return false;
    for (const networkId of node.networks) {
      const network = networks.get(networkId);
      if (network !== undefined) this.#removeMember(network, nodeId);
    }
    if (this.#hostnames.get(node.hostname) === nodeId) this.#hostnames.delete(node.hostname);
    inviteInbox.delete(nodeId);
    this.#dropInvites(this.#invitedBy.get(nodeId), (invite) => invite.inviterId === nodeId);
    this.#rotatedUpTo.delete(nodeId);
    nodes.delete(nodeId);
    return true;
  }

  #createNetwork(record: OriginalNetworkCreateRecord, index: number): boolean {
    const { networks, nodes } = this.#store;
    const { networkId, creatorNodeId } = record;
    this.#store.nextNet = counterAbove(this.#store.nextNet, networkId, maxNetworkId);
    if (networks.has(networkId)) return false;
    const network = emptyOriginalNetwork(networkId);
    network.name = record.name;
    network.joinRule = record.joinRule;
    network.token = record.token;
    network.adminToken = record.adminToken;
    network.enterprise = record.enterprise;
    network.createdAtMs = rfc3339ToUnixMs(record.createdAt);
    networks.set(networkId, network);
    if (creatorNodeId === 0) return true;
    const creator = nodes.get(creatorNodeId);
    if (creator === undefined) {
      const message = `network ${networkId} was created by node ${creatorNodeId}, which does not exist`;
      this.#warnings.add('LOG_CONFLICT', `log.${index}.creator_node_id`, message);
      return true;
    }
    this.#addMember(network, creator);
    network.memberRoles.set(creatorNodeId, 'owner');
    return true;
  }

  #join({ nodeId, networkId }: OriginalMembershipRecord): boolean {
    const node = this.#store.nodes.get(nodeId);
    const network = this.#store.networks.get(networkId);
    if (node === undefined || network === undefined) return false;
    if (!this.#addMember(network, node)) return false;
    if (networkId !== backboneNetworkId) network.memberRoles.set(nodeId, 'member');
    return true;
  }

  #leave({ nodeId, networkId }: OriginalMembershipRecord): boolean {
    const network = this.#store.networks.get(networkId);
    if (network === undefined || networkId === backboneNetworkId) return false;
    const removed = this.#removeMember(network, nodeId);
    const node = this.#store.nodes.get(nodeId);
    if (node?.networks.includes(networkId) === true) {
      node.networks = node.networks.filter((each) => each !== networkId);
    } else if (!removed) return false;
    this.#dropInvites([nodeId], (invite) => invite.networkId === networkId);
    this.#dropInvites(
      this.#invitedBy.get(nodeId),
      (invite) => invite.inviterId === nodeId && invite.networkId === networkId,
    );
    return true;
  }

  #rotate(record: OriginalKeyRotationRecord, index: number): boolean {
    const node = this.#store.nodes.get(record.nodeId);
    if (node === undefined || index <= (this.#rotatedUpTo.get(record.nodeId) ?? -1)) return false;
    const path = `log.${index}.new_public_key`;
    const key = decodeOriginalKey(record.newPublicKey);
    if (key === undefined) {
      this.#warnings.add(
        'LOG_INVALID',
        path,
        `node ${node.id} rotates to an unusable key; it keeps the one it has`,
      );
      return false;
    }
    if (!sameKey(node.publicKey, key)) {
      const { pubKeyIdx } = this.#store;
      const previous = node.publicKey === undefined ? '' : encodeOriginalKey(node.publicKey);
      if (pubKeyIdx.get(previous) === node.id) pubKeyIdx.delete(previous);
      node.publicKey = key;
      node.keyRotationCount += 1;
      this.#index(pubKeyIdx, encodeOriginalKey(key), node.id, path);
    }
    node.keyRotatedAtMs = rfc3339ToUnixMs(record.rotatedAt) ?? node.keyRotatedAtMs;
    if (record.clearBadge) {
      node.badge = '';
      node.badgeSignature = '';
      node.verificationProvider = '';
      node.verifiedAtMs = undefined;
    }
    return true;
  }

  #deleteNetwork(networkId: number): boolean {
    const { networks, nodes } = this.#store;
    const network = networks.get(networkId);
    if (network === undefined || networkId === backboneNetworkId) return false;
    for (const member of this.#membersOf(network)) {
      const node = nodes.get(member);
      if (node !== undefined) node.networks = node.networks.filter((each) => each !== networkId);
    }
    this.#members.delete(network);
    networks.delete(networkId);
    this.#dropInvites(this.#invitedInto.get(networkId), (invite) => invite.networkId === networkId);
    return true;
  }

  #membersOf(network: OriginalNetwork): Set<number> {
    let members = this.#members.get(network);
    if (members === undefined) this.#members.set(network, (members = new Set(network.members)));
    return members;
  }

  /** False when the node was a member already. */
  #addMember(network: OriginalNetwork, node: OriginalNode): boolean {
    const members = this.#membersOf(network);
    const isNew = !members.has(node.id);
    members.add(node.id);
    if (node.networks.includes(network.id)) return isNew;
    node.networks.push(network.id);
    return true;
  }

  /** False when the node was not a member. Role and tags go with the membership (B-49). */
  #removeMember(network: OriginalNetwork, nodeId: number): boolean {
    network.memberRoles.delete(nodeId);
    network.memberTags.delete(nodeId);
    return this.#membersOf(network).delete(nodeId);
  }

  #dropInvites(targets: Iterable<number> | undefined, matches: (invite: OriginalInvite) => boolean): void {
    const { inviteInbox } = this.#store;
    for (const target of targets ?? []) {
      const kept = inviteInbox.get(target)?.filter((invite) => !matches(invite)) ?? [];
      if (kept.length > 0) inviteInbox.set(target, kept);
      else inviteInbox.delete(target);
    }
  }
}

function addTo(index: Map<number, Set<number>>, key: number, value: number): void {
  const values = index.get(key);
  if (values === undefined) index.set(key, new Set([value]));
  else values.add(value);
}

/**
 * For each node the index of the last rotation whose outcome (key and time) is the node's present state: the snapshot
 * is younger than it, and it and all before it must not be counted again.
 */
function rotationsAlreadyApplied(
  store: OriginalStore,
  records: readonly OriginalLogRecord[],
): Map<number, number> {
  const upTo = new Map<number, number>();
  for (const [index, record] of records.entries()) {
    if (record.kind !== 'key-rotation') continue;
    const node = store.nodes.get(record.nodeId);
    if (node === undefined || !sameKey(node.publicKey, decodeOriginalKey(record.newPublicKey))) continue;
    const rotatedAtMs = rfc3339ToUnixMs(record.rotatedAt);
    // Snapshots have second precision.
    const isPresent = rotatedAtMs === undefined || seconds(rotatedAtMs) === seconds(node.keyRotatedAtMs);
    if (isPresent) upTo.set(record.nodeId, index);
  }
  return upTo;
}

function seconds(unixMs: number | undefined): number | undefined {
  return unixMs === undefined ? undefined : Math.floor(unixMs / 1000);
}
