import type { Random } from '@muster/core';
import type { Directory } from '../../src/model/directory.ts';
import type { RegistrationFields, RegistryEvent } from '../../src/model/events.ts';
import { NodeFlag } from '../../src/model/node-table.ts';

const HOSTNAMES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];
const OWNERS = ['ann@example.org', 'bob', 'cär', 'dan'];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.integer(from.length)] as T;
}

function base64Key(random: Random): string {
  return Buffer.from(random.bytes(32)).toString('base64');
}

/** Makes events that operations could have decided on a directory: possible ones, in a random order. */
export class RandomEvents {
  readonly #state: Directory;
  readonly #random: Random;
  at = 1_770_000_000;

  constructor(state: Directory, random: Random) {
    this.#state = state;
    this.#random = random;
  }

  /** Ids of the nodes that are live, or of those that are gone. */
  ids(live: boolean): number[] {
    const { nodes } = this.#state;
    const ids: number[] = [];
    for (let slot = 0; slot < nodes.usedSlots; slot++) {
      const id = nodes.idOf(slot);
      if (id !== 0 && nodes.has(slot, NodeFlag.live) === live) ids.push(id);
    }
    return ids;
  }

  /** The next event. */
  next(): RegistryEvent {
    for (;;) {
      this.at += this.#random.integer(3);
      const event = this.#make(this.#random.integer(29));
      if (event !== undefined) return event;
    }
  }

  #make(kind: number): RegistryEvent | undefined {
    const random = this.#random;
    const live = this.ids(true);
    const gone = this.ids(false);
    const at = this.at;
    if (live.length < 3 || (kind <= 4 && live.length < 40)) return this.#registered();
    const id = pick(random, live);
    switch (kind) {
      case 5:
        return { type: 'node.updated', id, at, ...this.#registration(id) };
      case 6:
      case 7:
        return this.#reclaimed(gone);
      case 8:
        return { type: 'node.deregistered', id, at };
      case 9:
      case 10:
        return { type: 'nodes.reaped', ids: live.filter(() => random.integer(6) === 0), at };
      case 11:
        return gone.length < 3 ? undefined : { type: 'tombstones.evicted', ids: gone.slice(0, 2) };
      case 12:
        return { type: 'node.hostname', id, hostname: this.#freeHostname(id) };
      case 13:
        return { type: 'node.tags', id, tags: ['a', 'b', 'c'].filter(() => random.integer(2) === 0) };
      case 14:
        return { type: 'node.visibility', id, public: random.integer(2) === 0 };
      case 15:
        return { type: 'node.task_exec', id, enabled: random.integer(2) === 0 };
      case 16:
        return { type: 'node.external_id', id, externalId: pick(random, ['', 'x-1', 'ü'.repeat(100)]) };
      default:
        return this.#more(kind, id, live);
    }
  }

  #more(kind: number, id: number, live: readonly number[]): RegistryEvent | undefined {
    const random = this.#random;
    const at = this.at;
    const peer = pick(random, live);
    switch (kind) {
      case 17:
        return { type: 'key.rotated', id, key: base64Key(random), at };
      case 18: {
        const recovery = { nonce: `n${at}`, exp: at + 60 };
        return { type: 'key.recovered', id, key: base64Key(random), at, recovery };
      }
      case 19:
        return random.integer(2) === 0
          ? { type: 'key.expiry', id, expiresAt: random.integer(2) * (at + 1000) }
          : { type: 'key.requires_v2', id, required: random.integer(2) === 0 };
      case 20:
        return random.integer(3) === 0
          ? { type: 'recovery.enrolled', id, commitment: 'c'.repeat(32), provider: 'github' }
          : {
              type: 'badge.submitted',
              id,
              badge: `pilotbadge:v1:${id}:github:1:${at + 5}:k:s`,
              badgeSig: 'sig',
              provider: 'github',
              verifiedAt: '2026-01-01T00:00:00Z',
            };
      case 21:
        return id === peer ? undefined : { type: 'trust.reported', by: id, peer };
      case 22:
        return id === peer ? undefined : { type: 'trust.revoked', by: id, peer };
      case 26:
      case 27:
        return this.#lease(id);
      default:
        return this.#ofNetworks(id);
    }
  }

  #lease(node: number): RegistryEvent {
    const { leases } = this.#state;
    const random = this.#random;
    const held = [...leases.held.values()];
    if (held.length > 3 && random.integer(2) === 0) {
      const { resource, token } = pick(random, held);
      const why = pick(random, ['done', 'given_up', 'expired'] as const);
      const forgets = leases.done.size > 3 && why === 'done' ? leases.oldestDone : undefined;
      return {
        type: 'lease.released',
        resource,
        token,
        at: this.at,
        why,
        ...(forgets === undefined ? {} : { forgets }),
      };
    }
    const resource = `0:work-${random.integer(12)}`;
    return { type: 'lease.granted', resource, node, token: leases.lastToken + 1, ttlMs: 10_000, at: this.at };
  }

  #ofNetworks(node: number): RegistryEvent | undefined {
    const random = this.#random;
    const networks = [...this.#state.networks.values()].filter((network) => network.id !== 0);
    const kind = random.integer(12);
    if (networks.length < 2 || (kind === 0 && networks.length < 8)) return this.#networkCreated(node);
    const network = pick(random, networks);
    switch (kind) {
      case 1:
        return random.integer(4) === 0 ? { type: 'network.deleted', network: network.id } : undefined;
      case 2:
        return { type: 'network.renamed', network: network.id, name: `renamed-${this.at}-${network.id}` };
      case 3:
        return { type: 'network.enterprise', network: network.id, enterprise: random.integer(2) === 0 };
      case 4:
        return { type: 'settings.identity_webhook', url: `https://example.org/${this.at}` };
      case 5: {
        const provider = { type: 'oidc', url: 'https://idp.example.org', issuer: `i${this.at}` };
        return {
          type: 'settings.identity_provider',
          provider: random.integer(3) === 0 ? undefined : provider,
        };
      }
      default:
        return network.has(node)
          ? { type: 'network.left', network: network.id, node }
          : { type: 'network.joined', network: network.id, node, role: 'member' };
    }
  }

  #networkCreated(creator: number): RegistryEvent {
    const id = this.#state.nextNetwork;
    return {
      type: 'network.created',
      id,
      name: `net-${id}`,
      joinRule: 'open',
      enterprise: this.#random.integer(2) === 0,
      creator: this.#random.integer(4) === 0 ? 0 : creator,
      at: this.at,
      ...(this.#random.integer(3) === 0 ? { rules: '{"links":1}', token: { salt: 's', hash: 'h' } } : {}),
    };
  }

  #registered(): RegistryEvent {
    const drawn = this.#random.integer(5) === 0;
    const id = drawn ? 1_000_000 + this.#random.integer(2 ** 31) : this.#state.nextNode;
    return {
      type: 'node.registered',
      id,
      key: base64Key(this.#random),
      at: this.at,
      ...(drawn ? { drawn: true as const } : {}),
      ...this.#registration(id),
    };
  }

  #reclaimed(gone: readonly number[]): RegistryEvent | undefined {
    if (gone.length === 0) return undefined;
    const id = pick(this.#random, gone);
    const recovered = { key: base64Key(this.#random), recovery: { nonce: `r${this.at}`, exp: this.at } };
    return {
      type: 'node.reclaimed',
      id,
      at: this.at,
      ...(this.#random.integer(3) === 0 ? recovered : {}),
      ...this.#registration(id),
    };
  }

  #registration(id: number): RegistrationFields {
    const random = this.#random;
    const owner = this.#freeOwner(id);
    const hostname = this.#freeHostname(id);
    return {
      ...(random.integer(2) === 0 && owner !== undefined ? { owner } : {}),
      ...(random.integer(2) === 0 && hostname !== '' ? { hostname } : {}),
      ...(random.integer(2) === 0 ? { version: `v${random.integer(5)}` } : {}),
      ...(random.integer(4) === 0 ? { signed: true } : {}),
      realAddr: `203.0.113.${random.integer(200)}:${1 + random.integer(60_000)}`,
      lanAddrs: random.integer(2) === 0 ? [] : ['10.0.0.1:4000', '[fd00::1]:4000'],
      relayOnly: random.integer(4) === 0,
    };
  }

  /** '' or a name that is free, held by this node, or held by one that is gone. */
  #freeHostname(id: number): string {
    const { nodes } = this.#state;
    const name = pick(this.#random, HOSTNAMES);
    const holder = nodes.slotOfHostname(name);
    if (holder < 0 || nodes.idOf(holder) === id || !nodes.has(holder, NodeFlag.live)) return name;
    return '';
  }

  #freeOwner(id: number): string | undefined {
    const owner = pick(this.#random, OWNERS);
    const holder = this.#state.nodes.slotOfOwner(owner);
    return holder < 0 || this.#state.nodes.idOf(holder) === id ? owner : undefined;
  }
}

/** What is wrong with a directory in itself, in words. */
export function* problemsOf(state: Directory): Generator<string> {
  const { nodes } = state;
  let live = 0;
  let gone = 0;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    const id = nodes.idOf(slot);
    if (id === 0) continue;
    const isLive = nodes.has(slot, NodeFlag.live);
    if (isLive) live++;
    else gone++;
    const { hostname, owner, networks } = nodes.profile(slot);
    const key = nodes.key(slot);
    if (nodes.slotOf(id) !== slot) yield `node ${id}: not found by its id`;
    if (key !== undefined && nodes.slotOfKey(key) !== slot) yield `node ${id}: not found by its key`;
    if (owner !== '' && nodes.slotOfOwner(owner) !== slot) yield `node ${id}: not found by its owner`;
    const holds = nodes.slotOfHostname(hostname) === slot;
    if (isLive && hostname !== '' && !holds) yield `node ${id}: live without its hostname`;
    if (holds !== nodes.has(slot, NodeFlag.ownsHostname)) yield `node ${id}: wrong about its hostname`;
    if (isLive !== networks.includes(0)) yield `node ${id}: wrong about the backbone`;
    if (isLive !== (nodes.goneAt[slot] === 0)) yield `node ${id}: wrong time of going`;
    for (const network of networks) {
      if (network !== 0 && state.networks.get(network)?.has(id) !== true) {
        yield `node ${id}: network ${network} does not list it`;
      }
    }
  }
  if (live !== nodes.liveCount) yield `${live} live nodes, ${nodes.liveCount} counted`;
  if (gone !== nodes.tombstoneCount) yield `${gone} tombstones, ${nodes.tombstoneCount} counted`;
  for (const network of state.networks.values()) {
    if (state.networksByName.get(network.profile.name) !== network.id) yield `network ${network.id}: no name`;
    for (const member of network.members()) {
      const slot = nodes.slotOf(member);
      if (slot < 0) yield `network ${network.id}: unknown member ${member}`;
      else if (!nodes.profile(slot).networks.includes(network.id)) {
        yield `network ${network.id}: member ${member} does not know of it`;
      }
    }
  }
}
