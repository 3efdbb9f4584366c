/**
 * The members of a network of a registry that run mirrors. A node says so with tags: `mirror`, and where it listens, `transfer-5001`,
 * `p2p-4001`, `zone-<name>`. Its key in the registry is the identity of its mirror (`libp2p_identity_path` takes the same file), so that
 * what is listed cannot point to another peer.
 */
import { isIP } from 'node:net';
import { type NodeEntry, RegistryClient, type TlsOptions } from '@muster/client';
import type { MemberEntry } from '@muster/coordination';
import { peerIdOf } from '@muster/core/identity';
import type { ListedMember } from '../membership/confirmed-list.ts';
import { portOf } from '../membership/member-facts.ts';
import { formatAddress, localAddress, parseAddress } from '../settings/address.ts';

const TAG = 'mirror';
const TRANSFER_PORT = 5001;
const P2P_PORT = 4001;
const PAGE_SIZE = 10_000;
const TIMEOUT_MS = 5_000;

type LiveNode = Extract<NodeEntry, { readonly state: 'live' }>;

export interface MemberList extends AsyncDisposable {
  readonly list: (signal: AbortSignal) => Promise<readonly MemberEntry[]>;
}

/** Lists the mirrors of a network; keys of nodes are asked for once. */
export function registryMemberList(place: {
  readonly registry: string;
  readonly network: number;
  /** @default false */
  readonly tls?: false | TlsOptions;
}): MemberList {
  const address = parseAddress(place.registry);
  const client = new RegistryClient({
    address: address === undefined ? place.registry : localAddress(address),
    encoding: 'json',
    tls: place.tls ?? false,
    poolSize: 1,
    connectTimeoutMs: TIMEOUT_MS,
    requestTimeoutMs: TIMEOUT_MS,
  });
  let peers = new Map<number, string>();
  return {
    list: async (signal) => {
      const { nodes } = await client.listNodes(place.network, { pageSize: PAGE_SIZE });
      const mirrors = nodes.filter(isMirrorNode);
      const known = new Map<number, string>();
      for (const { nodeId } of mirrors) {
        signal.throwIfAborted();
        const peer = peers.get(nodeId) ?? (await peerOf(client, nodeId));
        if (peer !== undefined) known.set(nodeId, peer);
      }
      peers = known;
      return mirrors.flatMap((node) => memberOf(node, known.get(node.nodeId)));
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
    },
  };
}

function isMirrorNode(node: NodeEntry): node is LiveNode {
  return node.state === 'live' && node.tags.includes(TAG);
}

async function peerOf(client: RegistryClient, nodeId: number): Promise<string | undefined> {
  const { publicKey } = await client.lookup(nodeId);
  return publicKey === undefined ? undefined : peerIdOf(publicKey);
}

/** A node as a member; none when nobody could reach it. */
export function memberOf(node: LiveNode, peerId: string | undefined): readonly MemberEntry[] {
  const host = hostOf(node);
  if (host === undefined || peerId === undefined) return [];
  const protocol = isIP(host) === 4 ? 'ip4' : isIP(host) === 6 ? 'ip6' : 'dns';
  const addr = formatAddress({ host, port: portOf(node.tags, 'transfer') ?? TRANSFER_PORT });
  const p2p = `/${protocol}/${host}/tcp/${portOf(node.tags, 'p2p') ?? P2P_PORT}/p2p/${peerId}`;
  const zone = node.tags.find((tag) => tag.startsWith('zone-'))?.slice('zone-'.length) ?? '';
  const id = node.hostname ?? `node-${node.nodeId}`;
  return [{ node: { id, addr, zone, peerId, p2pAddrs: [p2p] }, isReady: true }];
}

/** The same of a member of the own network; undefined when nobody could reach it, or the registry does not hear from it. */
export function mirrorEntryOf(member: ListedMember): MemberEntry | undefined {
  const { name, nodeId, tags, peerId, addresses, isLive } = member;
  const [address] = addresses;
  const [, , host] = address?.split('/') ?? [];
  if (!isLive || !tags.includes(TAG) || address === undefined || host === undefined) return undefined;
  const addr = formatAddress({ host, port: portOf(tags, 'transfer') ?? TRANSFER_PORT });
  const zone = tags.find((tag) => tag.startsWith('zone-'))?.slice('zone-'.length) ?? '';
  const id = name ?? `node-${nodeId}`;
  return { node: { id, addr, zone, peerId, p2pAddrs: [`${address}/p2p/${peerId}`] }, isReady: true };
}

function hostOf({ realAddress, hostname }: LiveNode): string | undefined {
  const address = realAddress === undefined ? undefined : parseAddress(realAddress);
  return address?.host ?? hostname;
}
