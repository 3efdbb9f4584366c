import type { RemotePeer } from '../overlay/overlay.ts';
import type { PeerId } from '../wire/messages.ts';

/**
 * How spread the connected peers are (discovery spec 12.5): distinct /24 prefixes of their observed IPv4 addresses over
 * their number, one address a peer; 1 if there are none. A trait of the indexer, not of a node.
 */
export function subnetDiversity(
  connections: readonly RemotePeer[],
  prefixOf: (address: string) => string | undefined,
): number {
  const byPeer = new Map<PeerId, string>();
  for (const { peer, address } of connections) {
    if (byPeer.has(peer)) continue;
    const prefix = prefixOf(address);
    if (prefix !== undefined) byPeer.set(peer, prefix);
  }
  return byPeer.size === 0 ? 1 : new Set(byPeer.values()).size / byPeer.size;
}
