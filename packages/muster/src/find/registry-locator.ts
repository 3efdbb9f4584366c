/**
 * Finds nodes in a registry, which is the authority.
 *
 * The protocol finds by node id and by hostname; by tag, peer id and DID only who lists a network and, as lists hold no keys, looks
 * up its members. That is bounded: {@link MAX_SCANNED} members are looked through, {@link MAX_LOCATED} found ones told.
 *
 * Fault model: the registry may be gone, silent, slow or refuse. It counts as unreachable when its first answer does not come within
 * `contactMs`; one that answers may take as long as the caller waits.
 */
import { type LookedUp, type NodeEntry, type RegistryClient, refusalOf } from '@muster/client';
import { type Clock, errorCode, type Located, type Locator, type WaitLimit } from '@muster/core';
import { didOf, peerIdOf } from '@muster/core/identity';
import { derivedDid } from '@muster/discovery/records';
import { isIP } from 'node:net';
import { cliErrors } from '../cli/cli-errors.ts';
import { multiaddrOf } from '../membership/member-facts.ts';
import { parseAddress } from '../settings/address.ts';
import { parseQuery, type Query } from './query.ts';

/** Members that are looked through for a tag, a peer id or a DID. */
export const MAX_SCANNED = 20_000;
/** Answers that are told. */
export const MAX_LOCATED = 50;
const PAGE_SIZE = 1_000;
const CONCURRENCY = 16;
/** So long a registry tells of a node that is gone, unless its `stale-threshold` says otherwise (registry spec section 16). */
export const REGISTRY_STALENESS_MS = 180_000;

export interface RegistryLocatorOptions {
  readonly client: RegistryClient;
  /** Networks to look through for tags, peer ids and DIDs. */
  readonly networks: readonly number[];
  /** Time for the first answer. */
  readonly contactMs: number;
  readonly clock: Clock;
  /** Node ids that peers had when that was last known: a hint that saves looking through a network. @default none */
  readonly nodeIdHint?: (peerId: string) => number | undefined;
}

export class RegistryLocator implements Locator {
  readonly source = 'registry';
  readonly #options: RegistryLocatorOptions;

  constructor(options: RegistryLocatorOptions) {
    this.#options = options;
  }

  /** Rejects with the codes of the client; FIND_NO_NETWORK when a network has to be listed and none is known; USAGE. */
  async locate(what: string, limit: WaitLimit): Promise<readonly Located[]> {
    return await new Search(this.#options, limit).run(parseQuery(what));
  }
}

/** One question. */
class Search {
  readonly #options: RegistryLocatorOptions;
  readonly #limit: WaitLimit;
  readonly #endsAt: number;
  #hasAnswered = false;

  constructor(options: RegistryLocatorOptions, limit: WaitLimit) {
    this.#options = options;
    this.#limit = limit;
    this.#endsAt = options.clock.monotonic() + limit.timeoutMs;
  }

  async run(query: Query): Promise<readonly Located[]> {
    switch (query.kind) {
      case 'node':
        return [await this.#lookup(query.nodeId)].flatMap((node) => this.#locatedOf(node));
      case 'key':
        return await this.#byKey(query.peerId);
      case 'did':
        return await this.#scan((peerId) => derivedDid(peerId) === query.did);
      case 'tag':
        return await this.#byTag(query.tag);
      case 'name':
        return await this.#byName(query);
      default:
        return query satisfies never;
    }
  }

  async #byName({ text, hostname }: Extract<Query, { kind: 'name' }>): Promise<readonly Located[]> {
    const nodeId = hostname === undefined ? undefined : await this.#nodeNamed(hostname);
    if (nodeId !== undefined) return this.#locatedOf(await this.#lookup(nodeId));
    if (this.#options.networks.length === 0) return [];
    // Private nodes tell their name to members only, and are in the list all the same.
    const entries = await this.#entries();
    const named = entries.filter((entry) => entry.state === 'live' && entry.hostname === hostname);
    return named.length > 0 ? await this.#lookUpAll(named) : await this.#tagged(entries, text.toLowerCase());
  }

  async #byTag(tag: string): Promise<readonly Located[]> {
    return await this.#tagged(await this.#entries(), tag);
  }

  async #tagged(entries: readonly NodeEntry[], tag: string): Promise<readonly Located[]> {
    const tagged = entries.filter((entry) => entry.state === 'live' && entry.tags.includes(tag));
    return await this.#lookUpAll(tagged.slice(0, MAX_LOCATED));
  }

  async #byKey(peerId: string): Promise<readonly Located[]> {
    const hint = this.#options.nodeIdHint?.(peerId);
    const hinted = hint === undefined ? undefined : await this.#lookup(hint);
    const located = this.#locatedOf(hinted).filter((node) => node.peerId === peerId);
    return located.length > 0 ? located : await this.#scan((each) => each === peerId);
  }

  /** Looks through the networks for a key. */
  async #scan(isWanted: (peerId: string) => boolean): Promise<readonly Located[]> {
    const found: Located[] = [];
    const next = (await this.#entries()).values();
    const work = async (): Promise<void> => {
      for (const { nodeId } of next) {
        if (found.length > 0) return;
        found.push(...this.#locatedOf(await this.#lookup(nodeId)).filter(({ peerId }) => isWanted(peerId)));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return found.slice(0, 1);
  }

  async #lookUpAll(entries: readonly NodeEntry[]): Promise<readonly Located[]> {
    const nodes = await Promise.all(entries.map(({ nodeId }) => this.#lookup(nodeId)));
    return nodes.flatMap((node) => this.#locatedOf(node));
  }

  /** The members of the networks, each once. */
  async #entries(): Promise<readonly NodeEntry[]> {
    const { client, networks } = this.#options;
    if (networks.length === 0) {
      throw cliErrors.create(
        'FIND_NO_NETWORK',
        'a registry finds tags, peer ids and DIDs only within a network',
      );
    }
    const entries = new Map<number, NodeEntry>();
    for (const network of networks) {
      const { nodes } = await this.#ask((call) =>
        client.listNodes(network, { ...call, pageSize: PAGE_SIZE, maxNodes: MAX_SCANNED }),
      );
      for (const node of nodes) if (entries.size < MAX_SCANNED) entries.set(node.nodeId, node);
    }
    return [...entries.values()];
  }

  async #nodeNamed(hostname: string): Promise<number | undefined> {
    return await this.#unlessUnknown(
      async () => (await this.#ask((call) => this.#options.client.resolveHostname(hostname, call))).nodeId,
    );
  }

  async #lookup(nodeId: number): Promise<LookedUp | undefined> {
    return await this.#unlessUnknown(
      async () => await this.#ask((call) => this.#options.client.lookup(nodeId, { ...call, full: true })),
    );
  }

  async #unlessUnknown<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (refusalOf(error)?.code === 'not_found') return undefined;
      throw error;
    }
  }

  async #ask<T>(
    send: (call: { readonly timeoutMs: number; readonly signal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { clock, contactMs } = this.#options;
    const leftMs = Math.max(1, Math.ceil(this.#endsAt - clock.monotonic()));
    const timeoutMs = this.#hasAnswered ? leftMs : Math.min(contactMs, leftMs);
    const { signal } = this.#limit;
    try {
      const answer = await send({ timeoutMs, ...(signal === undefined ? {} : { signal }) });
      this.#hasAnswered = true;
      return answer;
    } catch (error) {
      if (errorCode(error) === 'REGISTRY_REFUSED') this.#hasAnswered = true;
      throw error;
    }
  }

  #locatedOf(node: LookedUp | undefined): readonly Located[] {
    if (node?.publicKey === undefined) return [];
    const { publicKey, nodeId, hostname, tags, lastSeenMs } = node;
    const realAddress =
      node.visibility === 'public' && node.realAddress !== '' ? node.realAddress : undefined;
    const address = multiaddrOf(realAddress, tags) ?? datagramAddressOf(realAddress);
    return [
      {
        publicKey,
        peerId: peerIdOf(publicKey),
        nodeId,
        name: hostname,
        tags,
        addresses: address === undefined ? [] : [address],
        source: 'registry',
        did: didOf(publicKey),
        ageMs: lastSeenMs === undefined ? undefined : Math.max(0, this.#options.clock.now() - lastSeenMs),
        stalenessBoundMs: REGISTRY_STALENESS_MS,
        proof: 'authority',
      },
    ];
  }
}

/** Nodes of the original say nothing of libp2p: what they register is where they take datagrams. */
function datagramAddressOf(realAddress: string | undefined): string | undefined {
  const address = realAddress === undefined ? undefined : parseAddress(realAddress);
  if (address === undefined) return undefined;
  const version = isIP(address.host);
  return `/${version === 4 ? 'ip4' : version === 6 ? 'ip6' : 'dns'}/${address.host}/udp/${address.port}`;
}
