import type { Random } from '@muster/core';
import { actingNodeField } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { KeyRing } from '../../src/auth/index.ts';
import { formatBadge, formatEnrollment, formatRecovery } from '../../src/auth/statements.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import { legacyOperations, operations } from '../../src/operations/index.ts';
import {
  ADMIN_TOKEN,
  type Fields,
  type Harness,
  signedFields,
  signedV2,
  type TestCaller,
} from './harness.ts';
import { FakeSigner } from './signers.ts';

const SIGNERS = 14;
const TYPES = [...operations, ...legacyOperations].map((row) => row.type);
/** What makes the state: asked for more often than what only shows it. */
const FREQUENT = [
  'register',
  'register',
  'register',
  'join_network',
  'report_trust',
  'create_network',
  'set_visibility',
];

const issuer = new FakeSigner(7001);
const authority = new FakeSigner(7002);
/** Key rings whose statements {@link RandomRequests} can sign. */
export const badgeKeys = new KeyRing(new Map([['bdg-t', issuer.publicKey]]));
export const recoveryKeys = new KeyRing(new Map([['rec-t', authority.publicKey]]));

/** Join tokens and network tokens that the requests use: they must be found nowhere in the store. */
export const SECRETS = ['join-secret-one', 'join-secret-two', 'network-secret-one'];

/** A request, and over which connection it comes. */
export interface RandomRequest {
  readonly type: string;
  readonly fields: Fields;
  readonly caller: TestCaller;
  /** The node that it claims to act for; 0 = none. */
  readonly acting: number;
  /** Whether the signature that it brings is good, as far as the generator knows. */
  readonly honest: boolean;
}

/** Makes requests of every type, valid and invalid, by a handful of nodes on a few connections. */
export class RandomRequests {
  readonly #h: Harness;
  readonly #random: Random;
  readonly #signers = Array.from({ length: SIGNERS }, (_, i) => new FakeSigner(100 + i));
  /** Keys that nodes got later, by their text. */
  readonly #byKey = new Map<string, FakeSigner>();
  readonly #callers: TestCaller[];
  #nextKey = 500;
  #nonce = 0;
  /** Types to choose from. */
  readonly types: readonly string[];

  constructor(h: Harness, seed: number, types: readonly string[] = [...TYPES, ...FREQUENT]) {
    this.#h = h;
    this.#random = seededRandom(seed);
    this.types = types;
    this.#callers = [1, 2, 3, 4].map((i) => h.caller(`198.51.100.${i}`, 5000 + i));
    for (const signer of this.#signers) this.#byKey.set(signer.publicKeyBase64, signer);
  }

  /** The key of a node as the state knows it. */
  signerOf(id: number): FakeSigner | undefined {
    const { nodes } = this.#h.state;
    const slot = nodes.slotOf(id);
    const key = slot < 0 ? undefined : nodes.key(slot);
    return key === undefined ? undefined : this.#byKey.get(key.toString('base64'));
  }

  next(): RandomRequest {
    const type = this.pick(this.types);
    const caller = this.pick(this.#callers);
    const fields = this.fieldsOf(type);
    return this.#authorised(type, fields, caller);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.#random.integer(from.length)] as T;
  }

  #chance(oneIn: number): boolean {
    return this.#random.integer(oneIn) === 0;
  }

  #authorised(type: string, fields: Fields, caller: TestCaller): RandomRequest {
    const actingName = actingNodeField(type);
    const acting = actingName === undefined ? 0 : Number(fields[actingName] ?? 0);
    const right = type === 'register' ? this.#byKey.get(String(fields['public_key'])) : this.signerOf(acting);
    const signer = right === undefined || this.#chance(6) ? this.pick(this.#signers) : right;
    const honest = signer.publicKeyBase64 === right?.publicKeyBase64;
    const isAdmin = this.#chance(3) || (type === 'create_network' && !this.#chance(6));
    const message = isAdmin ? { ...fields, admin_token: this.#chance(8) ? 'wrong' : ADMIN_TOKEN } : fields;
    const rest = { caller, acting, honest };
    if (this.#chance(10)) return { type, fields: message, ...rest, honest: false };
    if (this.#chance(this.#needsV2(type === 'register' ? signer.publicKey : acting) ? 2 : 60)) {
      const nonce = `nonce-${String(++this.#nonce).padStart(16, '0')}`;
      return { type, fields: signedV2(type, message, signer, this.#h.now, nonce), ...rest };
    }
    try {
      return { type, fields: signedFields(type, message, signer), ...rest };
    } catch {
      return { type, fields: message, ...rest };
    }
  }

  /** Whether a node, by id or key, is refused weaker signatures. */
  #needsV2(node: number | Uint8Array): boolean {
    const { nodes } = this.#h.state;
    const slot = typeof node === 'number' ? nodes.slotOf(node) : nodes.slotOfKey(node);
    return slot >= 0 && nodes.has(slot, NodeFlag.requiresV2);
  }

  fieldsOf(type: string): Fields {
    switch (type) {
      case 'register':
        return this.#register();
      case 'submit_badge':
        return this.#badge();
      case 'enroll_recovery':
        return this.#enrollment();
      case 'recover_identity':
        return this.#recovery();
      case 'rotate_key':
        return { node_id: this.#node(), new_public_key: this.#newKey().publicKeyBase64 };
      case 'punch': {
        const requester = this.#node();
        return { requester_id: requester, node_a: requester, node_b: this.#node() };
      }
      case 'revoke_trust': {
        const node = this.#node();
        return { node_id: node, peer_id: this.#h.state.trust.peersOf(node)[0] ?? this.#node() };
      }
      case 'lease_renew':
      case 'lease_release':
        return this.#lease();
      default:
        return this.#generic(type);
    }
  }

  /** Mostly one that is held. */
  #lease(): Fields {
    const { leases, leaseEpoch } = this.#h.state;
    const held = [...leases.held.values()];
    const { node, resource, token } =
      held.length === 0 ? { node: this.#node(), resource: '0:a', token: 1 } : this.pick(held);
    const node_id = this.#chance(6) ? this.#node() : node;
    const more = this.#chance(2) ? { done: true } : {};
    return { node_id, resource, epoch: leaseEpoch, token: this.#chance(6) ? token - 1 : token, ...more };
  }

  #generic(type: string): Fields {
    const row = [...operations, ...legacyOperations].find((one) => one.type === type);
    const fields: Fields = {};
    for (const name of Object.keys(row?.fields ?? {})) {
      const value = this.#valueOf(name);
      if (value !== undefined) fields[name] = value;
    }
    return fields;
  }

  #valueOf(name: string): unknown {
    switch (name) {
      case 'node_id':
      case 'peer_id':
      case 'requester_id':
      case 'node_a':
      case 'node_b':
        return this.#node();
      case 'network_id':
        return this.#chance(8) ? this.#random.integer(9) : this.pick([...this.#h.state.networks.keys()]);
      case 'hostname':
        return this.pick(['', 'alpha', 'beta', 'gamma', 'delta', 'Bad Name']);
      case 'tags':
        return this.pick([undefined, null, [], ['#a', 'b'], ['b'], ['bad tag'], 'x']);
      case 'public':
      case 'enterprise':
      case 'enabled':
        return this.#chance(2);
      case 'expires_at':
        return this.pick(['', 'never', '2026-03-09T00:00:00Z', '2020-01-01T00:00:00Z', 'x']);
      case 'name':
        return this.pick(['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'backbone', '']);
      case 'join_rule':
        return this.pick(['', 'open', 'token', 'token', 'invite', 'other']);
      case 'token':
        return this.pick(['', SECRETS[0], SECRETS[1]]);
      case 'network_admin_token':
        return this.pick(['', SECRETS[2]]);
      case 'external_id':
        return this.pick(['', 'x-1', 'ü', 'e'.repeat(300)]);
      case 'url':
        return this.pick(['', 'https://idp.example.org/keys', 'ftp://x']);
      case 'idp_type':
        return this.pick(['', 'oidc']);
      case 'rules':
        return this.pick([
          undefined,
          '',
          { links: 2, cycle: '1h', prune: 1, prune_by: 'age', fill: 1, fill_how: 'random' },
        ]);
      case 'expr_policy':
        return this.pick([undefined, '{"version":1,"rules":[]}', { version: 2 }]);
      case 'limit':
        return this.pick([undefined, 2]);
      case 'since_version':
        return this.pick([undefined, 0, 20]);
      case 'resource':
        return this.pick(['0:a', '0:b', '0:c', '1:a', '2:b', `${this.#random.integer(9)}:d`, 'a', '']);
      case 'ttl_ms':
        return this.pick([undefined, 1000, 60_000, 1]);
      case 'done_epoch':
        return this.#h.state.leaseEpoch;
      case 'done_token':
        return this.pick([undefined, this.#h.state.leases.lastToken, 1]);
      case 'ts':
        return this.pick([undefined, this.#h.now]);
      default:
        return undefined;
    }
  }

  /** Mostly a live node. */
  #node(): number {
    const { nodes } = this.#h.state;
    if (this.#chance(8)) return this.#random.integer(nodes.usedSlots + 2);
    const live: number[] = [];
    for (let slot = 0; slot < nodes.usedSlots; slot++) {
      if (nodes.has(slot, NodeFlag.live)) live.push(nodes.idOf(slot));
    }
    return live.length === 0 ? 1 : this.pick(live);
  }

  #newKey(): FakeSigner {
    if (this.#chance(6)) return this.pick(this.#signers);
    const signer = new FakeSigner(this.#nextKey++);
    this.#byKey.set(signer.publicKeyBase64, signer);
    return signer;
  }

  #register(): Fields {
    const host = `203.0.113.${this.#random.integer(250)}`;
    return {
      public_key: this.#chance(8)
        ? this.pick([...this.#byKey.keys()])
        : this.pick(this.#signers).publicKeyBase64,
      listen_addr: this.pick([
        `${host}:4000`,
        '',
        '10.0.0.9:4000',
        `198.41.0.${this.#random.integer(200)}:9`,
      ]),
      owner: this.#chance(20) ? 'o'.repeat(300) : this.pick(['', '', '', 'ann', 'bob', 'cär']),
      hostname: this.pick(['', 'alpha', 'beta', 'gamma', 'epsilon', 'localhost']),
      version: this.pick(['', '1.0', '1.1']),
      lan_addrs: this.#chance(20) ? ['bad'] : this.pick([undefined, [], ['192.168.77.5:4000']]),
      relay_only: this.#chance(4),
    };
  }

  #badge(): Fields {
    const nodeId = this.#node();
    const verifiedAt = this.#h.now - 10;
    const exp = this.pick([0, this.#h.now + 100, this.#h.now - 1]);
    const badge = formatBadge({ nodeId, provider: 'github', verifiedAt, exp, kid: 'bdg-t', subject: 's' });
    return { node_id: this.#chance(8) ? 1 : nodeId, badge, badge_sig: issuer.sign(badge) };
  }

  #enrollment(): Fields {
    const nodeId = this.#node();
    const commitment = this.pick(['a', 'b']).repeat(64);
    const enrollment = formatEnrollment({
      nodeId,
      provider: 'github',
      commitment,
      issuedAt: 1,
      kid: 'bdg-t',
    });
    return { node_id: nodeId, enrollment, enrollment_sig: issuer.sign(enrollment) };
  }

  #recovery(): Fields {
    const nodeId = this.#node();
    const key = this.#newKey().publicKeyBase64;
    const nonce = `nonce-${this.#random.integer(6)}`;
    const commitment = this.pick(['a', 'b']).repeat(64);
    const exp = this.#h.now + 60;
    const recovery = formatRecovery({ nodeId, newPublicKey: key, commitment, exp, nonce, kid: 'rec-t' });
    return { node_id: nodeId, recovery, recovery_sig: authority.sign(recovery), new_public_key: key };
  }
}
