import { MusterError } from '@muster/core';
import { matchesSecret, readRequestV2, requestV2Challenge } from '../auth/index.ts';
import type { RegistryEvent } from '../model/events.ts';
import { NodeFlag } from '../model/node-table.ts';
import type { Call, Demand, Operation, Proof } from '../operations/operation.ts';
import { Refusal, refuse } from '../operations/refusal.ts';
import { decodeSignature, quote, readText } from '../wire/index.ts';
import type { Caller } from './caller.ts';
import type { Engine } from './engine.ts';

/** A proof, and what happened to signatures on the way. */
export interface MetDemands extends Proof {
  readonly events?: readonly RegistryEvent[];
}

type SignatureDemand = Extract<Demand, { kind: 'signature' }>;
type KeyDemand = Extract<Demand, { kind: 'key-signature' }>;

const NO_PROOF: MetDemands = { signed: false };

/** The usual texts of spec 4.1. */
const TEXTS = {
  noKey: 'node has no public key: signature or admin token required',
  missing: 'signature required for authenticated node',
  failed: 'signature verification failed',
};

/** Meets the demands of operations: checks signatures and tokens, asks other services, prepares lists. */
export class DemandMeter {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Meets the demands in order. Throws (or rejects with) a Refusal at the first that can't be met. */
  meet(
    operation: Operation,
    demands: readonly Demand[],
    call: Call,
    caller: Caller,
    from = 0,
    proof: MetDemands = NO_PROOF,
  ): MetDemands | Promise<MetDemands> {
    let met = proof;
    for (let i = from; i < demands.length; i++) {
      const one = this.#meetOne(operation, demands[i] as Demand, call, caller);
      if (one instanceof Promise) {
        const before = met;
        return one.then((result) =>
          this.meet(operation, demands, call, caller, i + 1, merge(before, result)),
        );
      }
      met = merge(met, one);
    }
    return met;
  }

  #meetOne(
    operation: Operation,
    demand: Demand,
    call: Call,
    caller: Caller,
  ): MetDemands | Promise<MetDemands> {
    switch (demand.kind) {
      case 'signature':
        return this.#signature(operation, demand, call, caller);
      case 'key-signature':
        return this.#keySignature(operation, demand, call, caller);
      case 'statement':
        return after(this.#verify(demand.key, demand.text, demand.signature, caller), (ok) =>
          ok ? NO_PROOF : refuse(demand.code, demand.failed),
        );
      case 'admin':
        return this.#admin(demand, call);
      case 'role':
        return this.#role(operation, demand, call, caller);
      case 'list':
        return this.#list(demand.network, call.now);
      case 'identity-token':
        return this.#identityToken(demand.webhookUrl, demand.token);
      case 'provider-token':
        return this.#providerToken(demand.token, call);
      default:
        return demand satisfies never;
    }
  }

  #signature(
    operation: Operation,
    demand: SignatureDemand,
    call: Call,
    caller: Caller,
  ): MetDemands | Promise<MetDemands> {
    const { state } = call;
    const slot = state.nodes.liveSlotOf(demand.node);
    if (slot < 0) return refuse('not_found', `node ${demand.node}: node not found`);
    const byAdmin = demand.orAdmin !== undefined && call.isAdmin(demand.orAdmin);
    const otherwise = (refusal: Refusal): MetDemands => {
      // oxlint-disable-next-line no-throw-literal -- a refusal is an answer, not an Error
      if (!byAdmin) throw refusal;
      return { signed: false, ...adminOf(call) };
    };
    const stored = state.nodes.key(slot);
    if (stored === undefined) {
      return otherwise(new Refusal('auth_signature', demand.texts?.noKey ?? TEXTS.noKey));
    }
    const key = Buffer.from(stored);
    const keyVersion = state.nodes.keyVersion[slot] as number;
    const settle = (ok: boolean, events: readonly RegistryEvent[]): MetDemands => {
      if (state.nodes.idOf(slot) !== demand.node || state.nodes.keyVersion[slot] !== keyVersion) {
        return refuse('conflict', `${operation.type}: key rotated concurrently, retry`);
      }
      if (!ok) return otherwise(new Refusal('auth_signature', demand.texts?.failed ?? TEXTS.failed));
      caller.proofs.add(slot, call.now);
      return { signed: true, events };
    };
    const strong = this.#strongSignature(operation, demand.node, demand.node, key, call, caller);
    if (strong !== undefined) {
      const isKnown = state.nodes.has(slot, NodeFlag.requiresV2);
      const events: RegistryEvent[] = isKnown
        ? []
        : [{ type: 'key.requires_v2', id: demand.node, required: true }];
      return after(strong, (ok) => settle(ok, ok ? events : []));
    }
    if (state.nodes.has(slot, NodeFlag.requiresV2)) {
      return otherwise(new Refusal('signature_v2_required', demand.texts?.failed ?? TEXTS.failed));
    }
    const text = readText(call.message, 'signature');
    if (text === '') return otherwise(new Refusal('auth_signature', demand.texts?.missing ?? TEXTS.missing));
    const decoded = decodeSignature(text);
    if (!decoded.ok) {
      const error = demand.texts?.invalid ?? `invalid signature encoding: ${decoded.error}`;
      return otherwise(new Refusal('auth_signature', error));
    }
    const verdict = this.#verify(key, demand.challenge, decoded.signature, caller);
    const isRepeat = !(verdict instanceof Promise);
    return after(verdict, (ok) => {
      const met = settle(ok, []);
      if (ok) this.#engine.replays.note(slot, demand.node, caller.source, isRepeat);
      return met;
    });
  }

  #keySignature(
    operation: Operation,
    demand: KeyDemand,
    call: Call,
    caller: Caller,
  ): MetDemands | Promise<MetDemands> {
    const settle = (ok: boolean, isStrong: boolean): MetDemands =>
      ok ? { signed: true, strong: isStrong } : refuse('auth_signature', demand.texts.failed);
    // A key that is not registered has no node id: its nonces are kept under a number beyond all of them.
    const owner = 2 ** 32 + Buffer.from(demand.key).readUInt32BE(0);
    const strong = this.#strongSignature(operation, 0, owner, demand.key, call, caller);
    if (strong !== undefined) return after(strong, (ok) => settle(ok, true));
    const slot = call.state.nodes.slotOfKey(demand.key);
    if (slot >= 0 && call.state.nodes.has(slot, NodeFlag.requiresV2)) {
      refuse('signature_v2_required', demand.texts.failed);
    }
    const decoded = decodeSignature(readText(call.message, 'signature'));
    if (!decoded.ok) return refuse('auth_signature', demand.texts.invalid);
    return after(this.#verify(demand.key, demand.challenge, decoded.signature, caller), (ok) =>
      settle(ok, false),
    );
  }

  /** Checks a v2 signature (B-10), if the request has one: its time, its nonce, then the signature over the body. */
  #strongSignature(
    operation: Operation,
    node: number,
    nonceOwner: number,
    key: Uint8Array,
    call: Call,
    caller: Caller,
  ): boolean | Promise<boolean> | undefined {
    const { nonces } = this.#engine.options;
    const fields = asRefusal('auth_signature', () => readRequestV2(call.message));
    if (fields === undefined) return undefined;
    const { ts, nonce, signature } = fields;
    asRefusal('auth_signature', () => nonces.check(nonceOwner, ts, nonce, call.now));
    const text = requestV2Challenge(operation.type, node, ts, nonce, call.message);
    return after(this.#verify(key, text, signature, caller), (ok) => {
      if (ok) asRefusal('auth_signature', () => nonces.accept(nonceOwner, ts, nonce, call.now));
      return ok;
    });
  }

  #verify(key: Uint8Array, text: string, signature: Uint8Array, caller: Caller): boolean | Promise<boolean> {
    return this.#engine.options.verifier.verify(key, text, signature, caller);
  }

  #admin(demand: Extract<Demand, { kind: 'admin' }>, call: Call): MetDemands {
    if (call.isAdmin(demand.scope)) return { signed: false, ...adminOf(call) };
    if (demand.text !== undefined) return refuse('auth_admin', demand.text);
    if (!this.#engine.options.admins.configured) return refuse('auth_admin', 'network creation is disabled');
    return refuse('auth_admin', 'invalid admin token');
  }

  /** Admin, the network's own token, or a member with a role that has proven itself (spec 4.1, B-09). */
  #role(
    operation: Operation,
    demand: Extract<Demand, { kind: 'role' }>,
    call: Call,
    caller: Caller,
  ): MetDemands | Promise<MetDemands> {
    const network = call.state.networks.get(demand.network);
    if (network === undefined) return refuse('not_found', `network ${demand.network}: network not found`);
    if (call.isAdmin('networks')) return { signed: false, ...adminOf(call) };
    const token = readText(call.message, 'admin_token');
    const own = network.profile.adminToken;
    if (token !== '' && own !== undefined && matchesSecret(token, own))
      return { signed: false, admin: 'network' };
    if (demand.node === 0) {
      return refuse('auth_role', 'rbac: node_id required for role-based authorization');
    }
    const role = network.role(demand.node);
    if (role === undefined) {
      return refuse('auth_role', `rbac: node ${demand.node} has no role in network ${demand.network}`);
    }
    if (!demand.roles.includes(role)) {
      const wanted = demand.roles.join(' ');
      return refuse(
        'auth_role',
        `rbac: node ${demand.node} has role ${quote(role)}, requires one of [${wanted}]`,
      );
    }
    if (call.proven(demand.node)) return { signed: true };
    const slot = call.state.nodes.liveSlotOf(demand.node);
    const key = slot < 0 ? undefined : call.state.nodes.key(slot);
    if (key !== undefined && readText(call.message, 'signature_v2') !== '') {
      const signature: SignatureDemand = { kind: 'signature', node: demand.node, challenge: '' };
      return this.#signature(operation, signature, call, caller);
    }
    if (this.#engine.options.policy.allowUnsignedRbac) {
      this.#engine.options.logger.warn(
        { type: operation.type, node: demand.node, network: demand.network, remote: call.source.address },
        'a role was believed without proof (allow-unsigned-rbac)',
      );
      return { signed: false };
    }
    return refuse('auth_role', TEXTS.missing);
  }

  #list(network: number, now: number): MetDemands | Promise<MetDemands> {
    const { lists } = this.#engine;
    if (lists.isReady(network)) return NO_PROOF;
    lists.waits++;
    return lists.prepare(network, now, this.#engine.options.slice).then(() => NO_PROOF);
  }

  async #identityToken(url: string, token: string): Promise<MetDemands> {
    try {
      return {
        signed: false,
        externalId: await this.#engine.options.outbound.verifyIdentityToken(url, token),
      };
    } catch (error) {
      if (error instanceof MusterError) return refuse('upstream_failed', error.message);
      throw error;
    }
  }

  async #providerToken(token: string, call: Call): Promise<MetDemands> {
    const provider = call.state.identityProvider;
    if (provider === undefined) return refuse('not_configured', 'no identity provider configured');
    const nowMs = this.#engine.options.clock.now();
    this.#engine.options.metrics.idpVerifications.add();
    return {
      signed: false,
      provider: await this.#engine.options.outbound.validateToken(provider, token, nowMs),
    };
  }
}

function merge(a: MetDemands, b: MetDemands): MetDemands {
  if (a === NO_PROOF) return b;
  if (b === NO_PROOF) return a;
  return { ...a, ...b, signed: a.signed || b.signed, events: [...(a.events ?? []), ...(b.events ?? [])] };
}

function adminOf(call: Call): { readonly admin?: string } {
  const name = call.adminName();
  return name === undefined ? {} : { admin: name };
}

/** Continues at once with a value, or later with a promised one. */
function after<T, U>(value: T | Promise<T>, next: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Runs a check; its coded error becomes a refusal with the same text. */
function asRefusal<T>(code: 'auth_signature', check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof MusterError) return refuse(code, error.message);
    throw error;
  }
}
