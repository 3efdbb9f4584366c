import { peerIdOf } from '@muster/core/identity';
import type { Directory } from '../model/directory.ts';
import { shownAddress } from '../model/disclosure.ts';
import { NodeFlag } from '../model/node-table.ts';
import type { FeedEntry } from './event-feed.ts';

/** What administrators see of a live node. */
export interface NodeView {
  readonly id: number;
  /** Empty when it has none. */
  readonly hostname: string;
  readonly tags: readonly string[];
  readonly networks: readonly number[];
  /** Where it is, or the beacon's address for a relay-only node; empty when it has told none. */
  readonly address: string;
  /** Raw Ed25519 key in base64; undefined for an imported node without one. */
  readonly publicKey: string | undefined;
  readonly peerId: string | undefined;
  readonly version: string;
  readonly isPublic: boolean;
  /** Unix seconds; 0 = never. */
  readonly lastSeen: number;
}

/** Some of the live nodes, in no particular order. */
export interface NodePage {
  readonly nodes: readonly NodeView[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: number | undefined;
}

/** When nodes were seen last, in the same order. */
export interface SeenPage {
  /** Node id and unix seconds. */
  readonly seen: readonly (readonly [id: number, lastSeen: number])[];
  readonly next: number | undefined;
}

/** Slots that one page looks at: a table of a million slots is a few hundred of them, each well under a millisecond. */
const SLOTS_PER_PAGE = 100_000;

/** Up to `limit` live nodes from a place on that an earlier page named, or 0. A node that comes meanwhile may be missed: events tell of it. */
export function nodePage(state: Directory, from: number, limit: number, beaconAddress: string): NodePage {
  const nodes: NodeView[] = [];
  const next = walk(state, from, (slot) => {
    nodes.push(nodeViewOf(state, slot, beaconAddress));
    return nodes.length < limit;
  });
  return { nodes, next };
}

/** Up to `limit` live nodes that were seen at `since` (unix seconds) or later. */
export function seenPage(state: Directory, since: number, from: number, limit: number): SeenPage {
  const seen: (readonly [number, number])[] = [];
  const { lastSeen } = state.nodes;
  const next = walk(state, from, (slot) => {
    const at = lastSeen[slot] as number;
    if (at >= since) seen.push([state.nodes.idOf(slot), at]);
    return seen.length < limit;
  });
  return { seen, next };
}

/** Visits live slots until `visit` has enough; answers where to go on. */
function walk({ nodes }: Directory, from: number, visit: (slot: number) => boolean): number | undefined {
  const end = Math.min(nodes.usedSlots, from + SLOTS_PER_PAGE);
  for (let slot = from; slot < end; slot++) {
    if (nodes.has(slot, NodeFlag.live) && !visit(slot)) return slot + 1;
  }
  return end < nodes.usedSlots ? end : undefined;
}

function nodeViewOf({ nodes }: Directory, slot: number, beaconAddress: string): NodeView {
  const profile = nodes.profile(slot);
  const key = nodes.key(slot);
  return {
    id: nodes.idOf(slot),
    hostname: profile.hostname,
    tags: profile.tags,
    networks: profile.networks,
    address: shownAddress(nodes, slot, profile, beaconAddress),
    publicKey: key?.toString('base64'),
    peerId: key === undefined ? undefined : peerIdOf(key),
    version: profile.version,
    isPublic: nodes.has(slot, NodeFlag.public),
    lastSeen: nodes.lastSeen[slot] as number,
  };
}

/** An event for people and programs. */
export interface EventView {
  readonly seq: number;
  readonly atMs: number;
  readonly type: string;
  readonly text: string;
  readonly nodeIds: readonly number[];
  readonly networkId: number | undefined;
  /** How the one live node that it is about stands now; left out when a later event, yet to come, has changed it. */
  readonly node: NodeView | undefined;
}

/** An event with what the directory knows of those that it is about, as far as that is durable. */
export function eventView(
  state: Directory,
  entry: FeedEntry,
  durableSeq: number,
  beaconAddress: string,
): EventView {
  const { seq, atMs, type, nodeIds, networkId } = entry;
  const slot = nodeIds.length === 1 ? state.nodes.liveSlotOf(nodeIds[0] as number) : -1;
  const isShown = slot >= 0 && (state.nodes.changedBy[slot] as number) <= durableSeq;
  return {
    seq,
    atMs,
    type,
    text: textOf(state, entry),
    nodeIds,
    networkId,
    node: isShown ? nodeViewOf(state, slot, beaconAddress) : undefined,
  };
}

const PREDICATES: Readonly<Partial<Record<FeedEntry['type'], string>>> = {
  'node.registered': 'registered',
  'node.updated': 'registered again',
  'node.reclaimed': 'came back',
  'node.deregistered': 'left',
  'node.hostname': 'has another hostname',
  'node.tags': 'has other tags',
  'node.visibility': 'has another visibility',
  'node.task_exec': 'changed whether it runs tasks',
  'node.external_id': 'has another external id',
  'key.rotated': 'has a new key',
  'key.recovered': 'recovered its identity with a new key',
  'key.expiry': 'has another expiry of its key',
  'key.requires_v2': 'changed which signatures are accepted of it',
  'badge.submitted': 'submitted a badge',
  'recovery.enrolled': 'enrolled for recovery',
};

const LEASE_ENDS = {
  done: 'was given back: the work is done',
  given_up: 'was given back: its holder gave up',
  expired: 'ran out',
} as const;

function textOf(state: Directory, { type, nodeIds, networkId, lease }: FeedEntry): string {
  const [first = 0, second = 0] = nodeIds;
  switch (type) {
    case 'nodes.reaped':
      return nodeIds.length === 1
        ? `${nodeName(state, first)} was not seen any more`
        : `${nodeIds.length} nodes were not seen any more`;
    case 'lease.granted':
      return `${nodeName(state, first)} has the lease of ${lease?.resource}`;
    case 'lease.released':
      return `the lease of ${lease?.resource} ${LEASE_ENDS[lease?.why ?? 'done']}`;
    case 'network.joined':
      return `${nodeName(state, first)} joined ${networkName(state, networkId)}`;
    case 'network.left':
      return `${nodeName(state, first)} left ${networkName(state, networkId)}`;
    case 'network.created':
      return `${networkName(state, networkId)} was created`;
    case 'network.deleted':
      return `network ${networkId} was deleted`;
    case 'network.renamed':
      return `network ${networkId} is now ${networkName(state, networkId)}`;
    case 'trust.reported':
      return `${nodeName(state, first)} trusts ${nodeName(state, second)}`;
    case 'trust.revoked':
      return `${nodeName(state, first)} does not trust ${nodeName(state, second)} any more`;
    default: {
      const predicate = PREDICATES[type];
      return predicate === undefined || nodeIds.length === 0
        ? type
        : `${nodeName(state, first)} ${predicate}`;
    }
  }
}

function nodeName({ nodes }: Directory, id: number): string {
  const slot = nodes.slotOf(id);
  const hostname = slot < 0 ? '' : nodes.profile(slot).hostname;
  return hostname === '' ? `node ${id}` : `${hostname} (node ${id})`;
}

function networkName(state: Directory, id: number | undefined): string {
  const name = id === undefined ? undefined : state.networks.get(id)?.profile.name;
  return name === undefined ? `network ${id}` : `network ${id} (${name})`;
}
