import { actingNodeField, challengeFor, type Identity } from '@muster/core/identity';
import { Connection } from './adapters/connection.ts';
import { dial } from './adapters/dial.ts';
import { systemEnvironment } from './adapters/system.ts';
import { type AdminCallOptions, type Authorization, Exchanger } from './calls/exchange.ts';
import { LeaseCalls } from './calls/leases.ts';
import type { Environment } from './environment.ts';
import { clientErrors } from './errors.ts';
import { HeartbeatLoop, type HeartbeatLoopOptions } from './heartbeat-loop.ts';
import { type RegistryClientOptions, resolveOptions } from './options.ts';
import { Pool, type PoolStats } from './pool.ts';
import type { Message } from './reply.ts';
import { type NodeChange, watchNetwork, type WatchOptions } from './watch.ts';

/** Options of `send`. */
export interface SendOptions extends AdminCallOptions {
  /**
   * - `auto`: signed if this type of request can be, the acting node is the client's own and no credential is among the
   *   fields; else as it is
   * - `none`: as it is
   * - `signature`: signed for the acting node
   * - `admin`: with the admin token
   * - `role`: with the admin token, or as the member that `node_id` names
   * @default 'auto'
   */
  readonly authorization?: 'auto' | 'none' | 'signature' | 'admin' | 'role';
  /** Whether it may be sent again after a lost connection: say so only if a second one does no harm. @default false */
  readonly repeatable?: boolean;
}

/**
 * A client of the Muster registry, and of any registry that speaks the Pilot protocol. Connections are opened when
 * the first call needs one. Every call rejects with a coded error (`clientErrors` lists the codes), and takes a
 * `signal` and a `timeoutMs`.
 */
export class RegistryClient extends LeaseCalls {
  readonly #pool: Pool;
  readonly #environment: Environment;
  readonly #closing = new AbortController();

  /** Throws OPTIONS_INVALID. `environment` is for tests. */
  constructor(options: RegistryClientOptions, environment: Environment = systemEnvironment) {
    const resolved = resolveOptions(options);
    const pool = new Pool(resolved, environment, async (events, signal) => {
      return new Connection(await dial(resolved, signal), resolved, events);
    });
    const { identity, nodeId, adminToken } = options;
    super(new Exchanger(resolved, environment, pool, { identity, nodeId, adminToken }));
    this.#pool = pool;
    this.#environment = environment;
  }

  /** The key that the client signs with; `rotateKey` and `recoverIdentity` change it. */
  get identity(): Identity | undefined {
    return this.exchanger.self.identity;
  }

  /** The node that the client acts for; `register` sets it. */
  get nodeId(): number | undefined {
    return this.exchanger.self.nodeId;
  }

  /** Connections, waiting and unanswered requests. */
  get stats(): PoolStats {
    return this.#pool.stats;
  }

  /**
   * Sends any request of the protocol; `fields` are those of the wire, without `type`. Resolves with the reply as
   * received. At most once, unless `repeatable`.
   */
  async send(type: string, fields: Message = {}, options: SendOptions = {}): Promise<Message> {
    if (type === '' || Object.hasOwn(fields, 'type')) {
      throw clientErrors.create('REQUEST_INVALID', 'the type is given by itself, not among the fields');
    }
    if (type === 'subscribe_replication') {
      throw clientErrors.create('REQUEST_INVALID', 'a replication stream is not a request with a reply');
    }
    const reply = await this.exchanger.json({
      type,
      fields,
      authorization: this.#authorization(type, fields, options),
      repeatable: options.repeatable ?? false,
      options,
    });
    return reply.message;
  }

  /**
   * Watches the members of a network: first everybody who is there (`joined`, `initial`), then what changes. Goes on
   * through lost connections and restarts of the registry; throws what will not pass, such as REGISTRY_REFUSED with
   * `not_found`. Ends when the loop is left, `signal` is aborted, or the client is closed. Polls only as fast as its
   * events are consumed. Changes of `lastSeenMs` alone are no events.
   */
  watch(networkId: number, options: WatchOptions = {}): AsyncGenerator<NodeChange, void, undefined> {
    const closing = this.#closing.signal;
    const stop = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    return watchNetwork(this, this.#environment, networkId, options, stop);
  }

  /** Sends heartbeats until stopped, or until the client is closed. */
  heartbeatLoop(options: HeartbeatLoopOptions): HeartbeatLoop {
    return new HeartbeatLoop(this, this.#environment, options, this.#closing.signal);
  }

  /**
   * Ends everything: unanswered calls reject with CLOSED, watches and heartbeat loops end. Resolves when no socket
   * and no timer is left. May be called again.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #authorization(
    type: string,
    fields: Message,
    { authorization = 'auto', adminToken }: SendOptions,
  ): Authorization {
    const field = actingNodeField(type);
    const acting = field === undefined ? (this.nodeId ?? 0) : fields[field];
    const nodeId = typeof acting === 'number' ? acting : undefined;
    switch (authorization) {
      case 'none':
        return { kind: 'none' };
      case 'admin':
        return { kind: 'admin', adminToken };
      case 'role':
        return { kind: 'role', nodeId, adminToken };
      case 'signature':
        if (nodeId !== undefined) return { kind: 'signature', nodeId };
        throw clientErrors.create('REQUEST_INVALID', `a signed ${type} needs the field ${field}`);
      case 'auto': {
        const has = ['signature', 'signature_v2', 'admin_token'].some((name) => Object.hasOwn(fields, name));
        if (has || nodeId === undefined || challengeFor(type, fields) === undefined) return { kind: 'none' };
        // A registration is signed only with the key that it registers.
        const foreign = field === undefined && fields['public_key'] !== this.identity?.publicKeyBase64;
        return foreign || !this.exchanger.signsFor(nodeId) ? { kind: 'none' } : { kind: 'signature', nodeId };
      }
      default:
        return authorization satisfies never;
    }
  }
}
