import type { Libp2p, PeerId as Libp2pPeerId, PeerInfo } from '@libp2p/interface';
import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id';
import { type Logger, LogSampler } from '@muster/core';
import { CID } from 'multiformats/cid';
import { usableAddresses } from '../../wire/addresses.ts';
import type { PeerId } from '../../wire/messages.ts';
import { GuardedDatastore, NamespaceRules, STORE_LIMITS, type StoreLimits } from './datastore.ts';
import type { PskMismatch } from './protector.ts';

/** Peers of which only the DHT has told us, with their addresses. */
const MAX_DISCOVERED = 1_024;
const MAX_ADDRESSES = 16;

/** What the host and the overlay share. */
export interface SharedParts {
  readonly rules: NamespaceRules;
  readonly datastore: GuardedDatastore;
  /** Peers that must not be forgotten: connected, protected, ourselves. */
  readonly kept: { has: (peerKey: string) => boolean };
  readonly discovered: Map<PeerId, PeerInfo['multiaddrs']>;
  isRefused: (peer: PeerId) => boolean;
  /** Worth waiting for before a peer is refused. Never rejects. */
  reconsider: (peer: PeerId) => Promise<void>;
  readonly onPskMismatch: (mismatch: PskMismatch) => void;
}

export function partsOf(
  options: { readonly logger: Logger },
  limits: StoreLimits = STORE_LIMITS,
): SharedParts {
  const rules = new NamespaceRules();
  const kept = { has: (_peerKey: string): boolean => true };
  const sampler = new LogSampler();
  return {
    rules,
    kept,
    datastore: new GuardedDatastore(rules, (peerKey) => kept.has(peerKey), limits),
    discovered: new Map(),
    isRefused: () => false,
    reconsider: () => Promise.resolve(),
    onPskMismatch: ({ direction, address, reason }) => {
      const [, , from = address] = address.split('/');
      const occurrences = sampler.admit(`${direction} ${from}`);
      if (occurrences === undefined) return;
      options.logger.warn({ code: 'PSK_MISMATCH', direction, address, occurrences }, reason);
    },
  };
}

/** The addresses of our own that others may use, announced ones first. */
export function usableOf(
  addresses: readonly string[],
  options: { readonly allowLoopback?: boolean },
): string[] {
  const bare = addresses.map((address) => address.split('/p2p/')[0] as string);
  return usableAddresses(bare, { allowLoopback: options.allowLoopback ?? false });
}

/** Remembers the addresses that the DHT has told of a peer, so that its queries can dial it. */
export function rememberDiscovered(parts: SharedParts, self: PeerId, peer: PeerInfo): void {
  const id = peer.id.toString();
  if (id === self || peer.multiaddrs.length === 0 || parts.isRefused(id)) return;
  const { discovered } = parts;
  discovered.delete(id);
  discovered.set(id, peer.multiaddrs.slice(0, MAX_ADDRESSES));
  const [oldest] = discovered.keys();
  if (discovered.size > MAX_DISCOVERED && oldest !== undefined) discovered.delete(oldest);
}

/** The library's form of a peer id; undefined for texts that are none, which strangers may send. */
export function parsePeer(peer: PeerId): Libp2pPeerId | undefined {
  try {
    return peerIdFromString(peer);
  } catch {
    return undefined;
  }
}

/** Whether the store has to keep what it knows of a peer (by its key): connected, protected, or ourselves. */
export function keptPeers(
  libp2p: Libp2p,
  self: PeerId,
  isProtected: ReadonlySet<PeerId>,
): (peerKey: string) => boolean {
  return (peerKey) => {
    const peer = peerIdFromCID(CID.parse(peerKey));
    const text = peer.toString();
    return text === self || isProtected.has(text) || libp2p.getConnections(peer).length > 0;
  };
}
