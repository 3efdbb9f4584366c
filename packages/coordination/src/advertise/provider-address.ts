/** From what the table says of a provider to where its transfer listener is (coordination spec 14.7). */

import { BlockList, isIP } from 'node:net';
import type { PeerTarget } from '@muster/core';
import { normalizePeerId } from '../content-key.ts';
import { formatHostPort, parseHostPort } from '../members/published-address.ts';
import type { ClusterNode, Provider } from '../types.ts';

const UNUSABLE = new BlockList();
UNUSABLE.addSubnet('127.0.0.0', 8, 'ipv4');
UNUSABLE.addSubnet('0.0.0.0', 8, 'ipv4');
UNUSABLE.addSubnet('169.254.0.0', 16, 'ipv4');
UNUSABLE.addAddress('::1', 'ipv6');
UNUSABLE.addAddress('::', 'ipv6');
UNUSABLE.addSubnet('fe80::', 10, 'ipv6');
UNUSABLE.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** Members by peer id and by address, for one view. */
export class MemberIndex {
  readonly #byPeer = new Map<string, ClusterNode>();
  readonly #byIp = new Map<string, Set<ClusterNode>>();

  constructor(nodes: Iterable<ClusterNode>) {
    for (const node of nodes) {
      const peer = normalizePeerId(node.peerId);
      if (peer !== undefined && !this.#byPeer.has(peer)) this.#byPeer.set(peer, node);
      for (const ip of ipsOfNode(node)) {
        const nodesOfIp = this.#byIp.get(ip) ?? new Set();
        this.#byIp.set(ip, nodesOfIp.add(node));
      }
    }
  }

  withPeer(peerId: string): ClusterNode | undefined {
    return this.#byPeer.get(peerId);
  }

  /** The only member that has one of these addresses; undefined for none and for several. */
  onlyOneAt(ips: readonly string[]): ClusterNode | undefined {
    const found = new Set(ips.flatMap((ip) => [...(this.#byIp.get(ip) ?? [])]));
    const [only] = found;
    return found.size === 1 ? only : undefined;
  }
}

/** The provider with its transfer address; undefined when it cannot be reached. `transferPort` is our own. */
export function resolveProvider(
  target: PeerTarget,
  members: MemberIndex,
  transferPort: number,
): Provider | undefined {
  const published = members.withPeer(target.id);
  if (published !== undefined && published.addr !== '') return { nodeId: published.id, addr: published.addr };
  const ips = target.addresses.map(ipOfMultiaddr).filter((ip) => ip !== undefined);
  const usable = ips.filter(isUsable);
  const member = members.onlyOneAt(usable);
  if (member !== undefined && member.addr !== '') return { nodeId: member.id, addr: member.addr };
  const host = usable.find((ip) => isIP(ip) === 4) ?? usable[0];
  if (host === undefined || transferPort === 0) return undefined;
  return { nodeId: published?.id ?? target.id, addr: formatHostPort({ host, port: transferPort }) };
}

function ipsOfNode(node: ClusterNode): readonly string[] {
  const host = parseHostPort(node.addr)?.host ?? '';
  const ips = node.p2pAddrs.map(ipOfMultiaddr).filter((ip) => ip !== undefined);
  return [host, ...ips].filter((ip) => isIP(ip) !== 0 && isUsable(ip));
}

/** The address at the beginning of a multiaddr, if it is one of IP. */
function ipOfMultiaddr(address: string): string | undefined {
  const [empty, protocol, ip = ''] = address.split('/');
  if (empty !== '' || (protocol !== 'ip4' && protocol !== 'ip6')) return undefined;
  return isIP(ip) === (protocol === 'ip4' ? 4 : 6) ? ip : undefined;
}

function isUsable(ip: string): boolean {
  return !UNUSABLE.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
}
