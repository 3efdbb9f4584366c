import { formatAddress, formatRfc3339, type JsonValue } from '../wire/index.ts';
import type { Directory } from './directory.ts';
import type { NodeProfile } from './node-profile.ts';
import { NodeFlag, type NodeTable } from './node-table.ts';

/**
 * What others are told of a node. Every output that shows an address takes it from here (B-19): where a relay-only node
 * really is, is told to nobody, whoever asks and however.
 */

/** The address to show to those who may resolve the node: its own, or the beacon's for a relay-only node. */
export function shownAddress(
  nodes: NodeTable,
  slot: number,
  profile: NodeProfile,
  beaconAddress: string,
): string {
  return nodes.has(slot, NodeFlag.relayOnly) ? beaconAddress : profile.realAddr;
}

/** LAN addresses to show to those who may resolve the node; none for a relay-only node. */
export function shownLanAddresses(nodes: NodeTable, slot: number, profile: NodeProfile): readonly string[] {
  return nodes.has(slot, NodeFlag.relayOnly) ? [] : profile.lanAddrs;
}

/** When a stored badge expires, in unix seconds; 0 = never. It is the sixth field of its text. */
export function badgeExpiry(badge: string): number {
  return Number(badge.split(':')[5] ?? '0');
}

/** Whether a stored badge has not expired (spec 19). */
export function badgeIsCurrent(badge: string, now: number): boolean {
  const expiry = badgeExpiry(badge);
  return expiry === 0 || expiry > now;
}

/** Members that show a node's badge; none when it has no badge. */
export function badgeMembers(profile: NodeProfile, now: number): { readonly [name: string]: JsonValue } {
  const { badge, badgeSig, verificationProvider, verifiedAt } = profile.rare;
  if (badge === undefined) return {};
  return {
    badge,
    badge_sig: badgeSig ?? '',
    verification_provider: verificationProvider ?? '',
    verified_at: verifiedAt ?? '',
    verified: badgeIsCurrent(badge, now),
  };
}

/** The members of a list entry (spec 8.3); `scope` is the network, or 0 for the list of all nodes for admins. */
export function listEntry(
  state: Directory,
  scope: number,
  id: number,
  now: number,
  beaconAddress: string,
): { readonly [name: string]: JsonValue | undefined } {
  const nodes = state.nodes;
  const slot = nodes.liveSlotOf(id);
  const network = scope === 0 ? undefined : state.networks.get(scope);
  const role = network?.role(id);
  const memberTags = network?.tags.get(id);
  const head = { node_id: id, address: formatAddress(scope, id), role, member_tags: memberTags };
  if (slot < 0) return { ...head, offline: true };
  const profile = nodes.profile(slot);
  const isPublic = nodes.has(slot, NodeFlag.public);
  const address = isPublic ? shownAddress(nodes, slot, profile, beaconAddress) : '';
  return {
    ...head,
    ...(scope === 0 ? {} : badgeMembers(profile, now)),
    public: isPublic,
    hostname: profile.hostname === '' ? undefined : profile.hostname,
    tags: profile.tags.length === 0 ? undefined : profile.tags,
    task_exec: nodes.has(slot, NodeFlag.taskExec) ? true : undefined,
    version: profile.version === '' ? undefined : profile.version,
    real_addr: address === '' ? undefined : address,
    external_id: scope === 0 && profile.externalId !== '' ? profile.externalId : undefined,
    last_seen: formatRfc3339(nodes.lastSeen[slot] as number),
  };
}
