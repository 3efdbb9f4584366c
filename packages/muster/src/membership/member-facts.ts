/**
 * How a peer stands in the registry. One key is one node there, one libp2p peer id and one DID; its hostname is its name, and tags
 * say what it is and where it listens, as the protocol has no fields for that:
 *
 * | tag | meaning |
 * |---|---|
 * | `node`, `indexer`, `mirror` | what runs with this key |
 * | `p2p-<port>` | TCP port of libp2p |
 * | `transfer-<port>` | where other mirrors copy from |
 * | `status-<port>` | status endpoint of a node or indexer, or monitoring of a mirror |
 * | `zone-<name>` | where it stands |
 *
 * The host that goes with the ports is that of the registered address, which the registry has seen for itself.
 */
import { isIP } from 'node:net';
import { parseAddress } from '../settings/address.ts';

export type MemberRole = 'node' | 'indexer' | 'mirror';

/** What a process says of itself in the registry. */
export interface MemberFacts {
  /** Name that it has elsewhere; {@link hostnameOf} makes the hostname of it. */
  readonly name: string;
  readonly roles: readonly MemberRole[];
  readonly p2pPort: number;
  readonly transferPort?: number | undefined;
  readonly statusPort?: number | undefined;
  readonly zone?: string | undefined;
  /** Tags of the user. */
  readonly tags: readonly string[];
  /** Literal address under which it is reached, when that is not the one that the registry sees. */
  readonly announcedHost?: string | undefined;
  readonly visibility: 'public' | 'private';
}

const MAX_HOSTNAME = 63;
/** The registry keeps no more (registry spec section 5). */
export const MAX_TAGS = 10;
const MAX_TAG_BYTES = 32;
const RESERVED = new Set(['localhost', 'backbone', 'broadcast']);

/** The hostname of a name: lower case, what the registry does not take replaced by hyphens. Undefined when nothing is left. */
export function hostnameOf(name: string): string | undefined {
  const hostname = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, MAX_HOSTNAME)
    .replaceAll(/^-+|-+$/g, '');
  return hostname === '' || RESERVED.has(hostname) ? undefined : hostname;
}

/** The tags of a member, at most {@link MAX_TAGS}, those that say where it listens first. */
export function tagsOf(facts: MemberFacts): readonly string[] {
  const { roles, p2pPort, transferPort, statusPort, zone } = facts;
  const tags = [
    ...roles,
    `p2p-${p2pPort}`,
    ...(transferPort === undefined ? [] : [`transfer-${transferPort}`]),
    ...(statusPort === undefined ? [] : [`status-${statusPort}`]),
    ...(zone === undefined || zone === '' ? [] : [`zone-${zone.toLowerCase()}`]),
    ...facts.tags,
  ];
  return [...new Set(tags.filter(isTag))].slice(0, MAX_TAGS);
}

function isTag(tag: string): boolean {
  return tag.length <= MAX_TAG_BYTES && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(tag);
}

/** The address to claim: the registry puts in the host that it sees where none is announced. */
export function listenAddressOf({ p2pPort, announcedHost }: MemberFacts): string {
  if (announcedHost === undefined) return `:${p2pPort}`;
  return isIP(announcedHost) === 6 ? `[${announcedHost}]:${p2pPort}` : `${announcedHost}:${p2pPort}`;
}

/** The port that a tag such as `p2p-4001` names; undefined when there is none. */
export function portOf(tags: readonly string[], name: string): number | undefined {
  const prefix = `${name}-`;
  for (const tag of tags) {
    const port = tag.startsWith(prefix) ? tag.slice(prefix.length) : '';
    if (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535) return Number(port);
  }
  return undefined;
}

/** Where a member listens for libp2p: a multiaddr without `/p2p`; undefined when it does not say, or cannot be reached. */
export function multiaddrOf(realAddress: string | undefined, tags: readonly string[]): string | undefined {
  const host = realAddress === undefined ? undefined : parseAddress(realAddress)?.host;
  const port = portOf(tags, 'p2p');
  if (host === undefined || port === undefined) return undefined;
  const version = isIP(host);
  if (version === 0 && !/^[a-zA-Z0-9.-]{1,253}$/.test(host)) return undefined;
  return `/${version === 4 ? 'ip4' : version === 6 ? 'ip6' : 'dns'}/${host}/tcp/${port}`;
}
