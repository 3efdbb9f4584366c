import { emptyOriginalNetwork } from './empty.ts';
import { decodeOriginalKey, encodeOriginalKey } from './keys.ts';
import { backboneNetworkId, maxNetworkId, maxNodeId } from './types.ts';
import type { OriginalNetwork, OriginalStore } from './types.ts';
import type { OriginalWarnings } from './warnings.ts';

/**
 * What happens to a store after its snapshot was read (spec §10.1 "Load rules"): backbone, roles, indices, counters.
 * Everything that is repaired is reported. Doing it twice changes nothing.
 */
export function applyLoadRules(store: OriginalStore, warnings: OriginalWarnings): void {
  for (const network of store.networks.values()) dropRepeatedMembers(network, warnings);
  if (!store.networks.has(backboneNetworkId)) {
    warnings.add('BACKBONE_MISSING', 'networks.0', 'the backbone network is missing; it is created');
  }
  const backbone = ensureBackbone(store);
  completeBackbone(store, backbone, warnings);
  for (const network of store.networks.values()) assumeRoles(network, warnings);
  indexKeys(store, warnings);
  for (const node of store.nodes.values()) {
    if (node.owner !== '' && !store.ownerIdx.has(node.owner)) store.ownerIdx.set(node.owner, node.id);
  }
  raiseCounters(store, warnings);
}

/** The backbone network, made if it doesn't exist (spec §1.1). */
export function ensureBackbone(store: OriginalStore): OriginalNetwork {
  const present = store.networks.get(backboneNetworkId);
  if (present !== undefined) return present;
  const backbone = emptyOriginalNetwork(backboneNetworkId);
  backbone.name = 'backbone';
  backbone.joinRule = 'open';
  store.networks.set(backboneNetworkId, backbone);
  return backbone;
}

function dropRepeatedMembers(network: OriginalNetwork, warnings: OriginalWarnings): void {
  const distinct = new Set(network.members);
  if (distinct.size === network.members.length) return;
  const path = `networks.${network.id}.members`;
  warnings.add('DUPLICATE_MEMBER', path, `${path} lists nodes more than once; each is kept once`);
  network.members = [...distinct];
}

/** Every node is on the backbone; files that went through a replay of the original may lack some (spec §10.2). */
function completeBackbone(store: OriginalStore, backbone: OriginalNetwork, warnings: OriginalWarnings): void {
  const members = new Set(backbone.members);
  for (const node of store.nodes.values()) {
    const listed = members.has(node.id);
    const lists = node.networks.includes(backboneNetworkId);
    if (listed && lists) continue;
    if (!listed) backbone.members.push(node.id);
    if (!lists) node.networks.unshift(backboneNetworkId);
    const path = `nodes.${node.id}`;
    warnings.add('BACKBONE_INCOMPLETE', path, `node ${node.id} was not on the backbone; it is added`);
  }
}

/** A network without roles: its first member is the owner, the others are members. */
function assumeRoles(network: OriginalNetwork, warnings: OriginalWarnings): void {
  if (network.id === backboneNetworkId || network.memberRoles.size > 0 || network.members.length === 0)
    return;
  const path = `networks.${network.id}.member_roles`;
  warnings.add('ROLES_ASSUMED', path, `${path} is empty; the first member becomes the owner`);
  for (const [position, member] of network.members.entries()) {
    network.memberRoles.set(member, position === 0 ? 'owner' : 'member');
  }
}

/** The key index of the file over the keys of the live nodes. */
function indexKeys(store: OriginalStore, warnings: OriginalWarnings): void {
  const { pubKeyIdx } = store;
  for (const [key, id] of pubKeyIdx) {
    if (decodeOriginalKey(key) !== undefined && id !== 0) continue;
    const path = `pub_key_idx.${key}`;
    warnings.add('KEY_INDEX_INVALID', path, `${path} does not lead from a public key to a node id`);
  }
  for (const node of store.nodes.values()) {
    if (node.publicKey === undefined) continue;
    const key = encodeOriginalKey(node.publicKey);
    const indexed = pubKeyIdx.get(key);
    if (indexed === undefined) pubKeyIdx.set(key, node.id);
    else if (indexed !== node.id) {
      const message = `the key of node ${node.id} leads to node ${indexed}; the index is kept`;
      warnings.add('KEY_INDEX_CONFLICT', `nodes.${node.id}.public_key`, message);
    }
  }
}

/** The counters must be above every id that was ever given out, or an id would be given out twice. */
function raiseCounters(store: OriginalStore, warnings: OriginalWarnings): void {
  let highestNode = 0;
  for (const id of store.nodes.keys()) if (id > highestNode) highestNode = id;
  for (const id of store.pubKeyIdx.values()) if (id > highestNode) highestNode = id;
  const nextNode = counterAbove(store.nextNode, highestNode, maxNodeId);
  if (nextNode !== store.nextNode) {
    const message = `next_node is ${store.nextNode} although ${highestNode} is in use; it becomes ${nextNode}`;
    warnings.add('NEXT_NODE_TOO_LOW', 'next_node', message);
    store.nextNode = nextNode;
  }
  let highestNet = 0;
  for (const id of store.networks.keys()) if (id > highestNet) highestNet = id;
  const nextNet = counterAbove(store.nextNet, highestNet, maxNetworkId);
  if (nextNet !== store.nextNet) {
    const message = `next_net is ${store.nextNet} although ${highestNet} is in use; it becomes ${nextNet}`;
    warnings.add('NEXT_NET_TOO_LOW', 'next_net', message);
    store.nextNet = nextNet;
  }
}

/** A counter that is above an id in use; 0 stands for "all ids have been given out" and stays. */
export function counterAbove(counter: number, inUse: number, max: number): number {
  if (counter === 0 || inUse >= max) return 0;
  return Math.max(counter, inUse + 1);
}
