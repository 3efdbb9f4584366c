import {
  type Clock,
  type Logger,
  MetricsRegistry,
  MusterError,
  type Random,
  silentLogger,
} from '@muster/core';
import { verifySignature } from '@muster/core/identity';
import { AdminTokens, KeyRing, NonceWindow, SignatureVerifier } from '../auth/index.ts';
import { BreakerSet } from '../breakers/index.ts';
import { type Caller, Proofs } from '../engine/caller.ts';
import { EngineMetrics } from '../engine/engine-metrics.ts';
import { Engine, type EventLog } from '../engine/engine.ts';
import { applyEvent } from '../model/apply.ts';
import { Directory } from '../model/directory.ts';
import { decodeEvent, type RegistryEvent } from '../model/events.ts';
import type { DirectoryLimits } from '../model/limits.ts';
import { ListReply } from '../operations/operation.ts';
import { defaultPolicy, type RegistryPolicy } from '../operations/policy.ts';
import { decodeMessage } from '../wire/index.ts';
import { endLeases } from './ended-leases.ts';

export interface LocalRegistryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly policy?: Partial<RegistryPolicy>;
  /** @default room for 4096 nodes */
  readonly limits?: Partial<DirectoryLimits>;
  readonly adminToken?: string;
}

interface KeptRecord {
  readonly type: number;
  readonly payload: Uint8Array;
}

type Message = Readonly<Record<string, unknown>>;

/** Keeps the events, so that a restart finds them. What is appended is durable. */
class KeptLog implements EventLog {
  readonly records: KeptRecord[] = [];
  readonly congested = false;

  get appendedSeq(): number {
    return this.records.length;
  }

  get durableSeq(): number {
    return this.records.length;
  }

  append(entries: readonly KeptRecord[]): number {
    this.records.push(...entries);
    return this.records.length;
  }
}

/** Checks at once: what comes of a request depends on nothing but the requests. */
class InlineVerifier extends SignatureVerifier {
  override verify(key: Uint8Array, text: string | Uint8Array, signature: Uint8Array): boolean {
    return verifySignature(key, text, signature);
  }
}

/**
 * A registry in this process, without sockets, threads and disk: the same operations, state and events as those of a server, on
 * whatever clock. For simulators, and for tests of programs that use a registry. Lists and what other services are asked for are
 * answered as by a server that has none of it configured.
 *
 * {@link LocalRegistry.crash} ends it as `kill -9` does; after {@link LocalRegistry.recover} its state is that of the events.
 */
export class LocalRegistry {
  readonly #options: LocalRegistryOptions;
  readonly #log = new KeptLog();
  #engine: Engine;
  #isUp = true;

  constructor(options: LocalRegistryOptions) {
    this.#options = options;
    this.#engine = this.#makeEngine();
    const created = Math.floor(options.clock.now() / 1000);
    const backbone: RegistryEvent = {
      type: 'network.created',
      id: 0,
      name: 'backbone',
      joinRule: 'open',
      enterprise: false,
      creator: 0,
      at: created,
    };
    this.#engine.commit([backbone]);
    this.#engine.lists.start(this.#log.appendedSeq);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The state; for reading only. Another one after a recovery. */
  get directory(): Directory {
    return this.#engine.state;
  }

  /** Everything that has happened, in its order. */
  events(): readonly RegistryEvent[] {
    return this.#log.records.map(({ type, payload }) => decodeEvent(type, payload) as RegistryEvent);
  }

  /** A connection: what a node has proven on one counts on no other, and on none after a crash. */
  connect(source = { address: '127.0.0.1', port: 0 }): LocalConnection {
    return new LocalConnection(
      () => (this.#isUp ? this.#engine : undefined),
      (engine) => ({
        source,
        proofs: new Proofs(engine.state.nodes),
        isAdmin: false,
        admitNewKey: () => true,
      }),
    );
  }

  /** What a server does by itself once a second. */
  tick(): void {
    if (this.#isUp) endLeases(this.#engine, this.#options.clock);
  }

  /** From now on requests find nobody. */
  crash(): void {
    this.#isUp = false;
  }

  /** Starts it again on its events. */
  recover(): void {
    const state = this.#makeState();
    for (const [index, { type, payload }] of this.#log.records.entries()) {
      applyEvent(state, decodeEvent(type, payload) as RegistryEvent, index + 1);
    }
    this.#engine = this.#makeEngine(state);
    this.#engine.lists.start(this.#log.appendedSeq);
    this.#isUp = true;
  }

  #makeState(): Directory {
    const { random, limits } = this.#options;
    return new Directory(random, { maxNodes: 4_096, maxTombstones: 4_096, ...limits });
  }

  #makeEngine(state: Directory = this.#makeState()): Engine {
    const { clock, random, logger = silentLogger, policy, adminToken } = this.#options;
    const metrics = new MetricsRegistry();
    const nobody = (): never => {
      throw new MusterError('identity_rejected', 'identity verification failed');
    };
    return new Engine({
      state,
      log: this.#log,
      clock,
      random,
      policy: { ...defaultPolicy, ...policy },
      verifier: new InlineVerifier(random),
      nonces: new NonceWindow({ startedAtSeconds: Math.floor(clock.now() / 1000) }),
      admins: new AdminTokens([], adminToken, random),
      breakers: new BreakerSet(),
      badgeKeys: new KeyRing(new Map()),
      recoveryKeys: new KeyRing(new Map()),
      outbound: { verifyIdentityToken: nobody, validateToken: nobody },
      metrics: new EngineMetrics(metrics),
      logger,
      slice: async (steps) => {
        for (;;) {
          const step = steps.next();
          if (step.done === true) return step.value;
        }
      },
      onAudit: () => {},
      onBroken: (error) => {
        throw error;
      },
    });
  }
}

/** One connection to a {@link LocalRegistry}. */
export class LocalConnection {
  readonly #engineOf: () => Engine | undefined;
  readonly #callerOf: (engine: Engine) => Caller;
  #present: { readonly engine: Engine; readonly caller: Caller } | undefined;

  constructor(engineOf: () => Engine | undefined, callerOf: (engine: Engine) => Caller) {
    this.#engineOf = engineOf;
    this.#callerOf = callerOf;
  }

  /** The reply to a message of the protocol; undefined when the registry is down. A refusal is a reply with `error`. */
  async request(message: Message): Promise<Message | undefined> {
    const engine = this.#engineOf();
    if (engine === undefined) return undefined;
    if (this.#present?.engine !== engine) this.#present = { engine, caller: this.#callerOf(engine) };
    const decoded = decodeMessage(Buffer.from(JSON.stringify(message)));
    if (!decoded.ok) return { type: 'error', error: decoded.error };
    const { body } = await engine.execute(decoded.message, this.#present.caller);
    if (body instanceof ListReply) return { type: 'error', error: 'lists are not answered here' };
    return JSON.parse(body.toString('utf8')) as Message;
  }
}
