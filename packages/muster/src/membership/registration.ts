/**
 * Standing in the registry: registered, tagged, visible as wished, a member of the network, heard from regularly.
 *
 * Fault model: the registry may be gone at any moment and for any time, may have forgotten us, may refuse. Nothing here ends for
 * that: what is missing is tried again, with a growing pause, and said once.
 */
import type { RegistryClient } from '@muster/client';
import { isTransient, refusalOf } from '@muster/client';
import type { Logger, Timers } from '@muster/core';
import { hostnameOf, listenAddressOf, type MemberFacts, tagsOf } from './member-facts.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;
/** So often it registers again, in case its address, or what is known of it, has changed meanwhile. */
const REGISTER_AGAIN_MS = 600_000;

export interface RegistrationOptions {
  readonly client: RegistryClient;
  /** 0 = none. */
  readonly network: number;
  readonly networkToken: string | undefined;
  readonly heartbeatMs: number;
  readonly version: string;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Hears of each registration that was taken. */
  readonly onRegistered: (nodeId: number) => void;
  /** Hears when heartbeats are taken again after one was not. */
  readonly onBack: () => void;
  /** Hears of each attempt that failed. */
  readonly onFailed: (error: Error) => void;
}

/** How it stands. */
export type RegistrationState =
  | { readonly kind: 'new' | 'stopped' }
  | { readonly kind: 'failing'; readonly reason: string }
  | { readonly kind: 'registered'; readonly nodeId: number; readonly isMember: boolean };

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #facts: MemberFacts | undefined;
  #again = new AbortController();
  #state: RegistrationState = { kind: 'new' };
  /** Who is removed from the network does not come back by itself; who was forgotten altogether does. */
  #mayJoin = true;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** Begins; returns at once. Called again, it registers with other facts. */
  start(facts: MemberFacts): void {
    this.#facts = facts;
    if (this.#running === undefined) this.#running = this.#run();
    else this.#again.abort();
  }

  /** Ends the heartbeats. With `deregister` it also leaves the registry, within `timeoutMs`. Never rejects. */
  async stop(options: { readonly deregister: boolean; readonly timeoutMs: number }): Promise<void> {
    const { client, logger } = this.#options;
    this.#stopping.abort();
    await this.#running;
    const { kind } = this.#state;
    this.#state = { kind: 'stopped' };
    if (!options.deregister || kind !== 'registered') return;
    try {
      await client.deregister({ timeoutMs: options.timeoutMs });
    } catch (error) {
      logger.warn({ error }, 'the registry could not be left; it will take this node for gone');
    }
  }

  async #run(): Promise<void> {
    const { timers, logger, onFailed } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const facts = this.#facts as MemberFacts;
      try {
        await this.#register(facts);
        failures = 0;
        if (facts === this.#facts) await this.#stayAlive();
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) logger.warn({ error }, 'not registered; it is tried again and again');
        this.#state = { kind: 'failing', reason: (error as Error).message };
        failures += 1;
        onFailed(error as Error);
      }
      if (facts !== this.#facts) continue;
      const pauseMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, Math.max(0, failures - 1)));
      await timers.sleep(pauseMs, signal).catch(() => {});
    }
  }

  async #register(facts: MemberFacts): Promise<void> {
    const { client, network, version, logger, onRegistered } = this.#options;
    const { signal } = this.#stopping;
    const hostname = hostnameOf(facts.name);
    const registered = await client.register(
      {
        listenAddress: listenAddressOf(facts),
        version,
        ...(hostname === undefined ? {} : { hostname }),
      },
      { signal },
    );
    if (registered.hostname.kind === 'refused') {
      logger.warn(
        { hostname, reason: registered.hostname.reason },
        'the registry does not know this node by its name',
      );
    }
    // What is in force already is not set again: each change is an event that every follower hears of.
    const known = await client.lookup(registered.nodeId, { full: true, signal });
    const tags = tagsOf(facts);
    if (known.tags.join() !== tags.join()) await client.setTags(tags, { signal });
    if (known.visibility !== facts.visibility) await client.setVisibility(facts.visibility, { signal });
    const isMember = network === 0 || known.networks.includes(network) || (await this.#join());
    if (isMember) this.#mayJoin = false;
    const isKnown = this.#state.kind === 'registered' && this.#state.nodeId === registered.nodeId;
    this.#state = { kind: 'registered', nodeId: registered.nodeId, isMember };
    if (!isKnown) logger.info({ nodeId: registered.nodeId, network, isMember, hostname, tags }, 'registered');
    onRegistered(registered.nodeId);
  }

  /** False when the registry refuses for good: then it is a node without a network, which is said. */
  async #join(): Promise<boolean> {
    const { client, network, networkToken, logger } = this.#options;
    if (!this.#mayJoin) return false;
    const token = networkToken === undefined ? {} : { token: networkToken };
    try {
      await client.joinNetwork(network, { ...token, signal: this.#stopping.signal });
      return true;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || isTransient(error)) throw error;
      if (refusal.code === 'conflict') return true;
      const hint = 'it joins with the token of registry-network-token-file';
      logger.error({ network, error, hint }, 'the registry does not let this node into the network');
      return false;
    }
  }

  /** Sends heartbeats until it is time to register again: the registry has forgotten the node, or it was long ago. */
  async #stayAlive(): Promise<void> {
    const { client, heartbeatMs, timers, logger, onBack } = this.#options;
    const again = new AbortController();
    this.#again = again;
    const ended = AbortSignal.any([this.#stopping.signal, again.signal]);
    let isFailing = false;
    const loop = client.heartbeatLoop({
      intervalMs: heartbeatMs,
      signal: ended,
      onBeat: ({ keyExpiryWarning }) => {
        if (isFailing) {
          logger.info({}, 'the registry takes heartbeats again');
          onBack();
        }
        isFailing = false;
        if (keyExpiryWarning) logger.warn({}, 'the registered key expires within a day');
      },
      onFailure: (error) => {
        if (!isFailing)
          logger.warn({ error }, 'the registry takes no heartbeat; this node goes on without it');
        isFailing = true;
        if (refusalOf(error)?.code !== 'not_found') return;
        this.#state = { kind: 'failing', reason: 'the registry has forgotten this node' };
        this.#mayJoin = true;
        again.abort();
      },
    });
    await timers.sleep(REGISTER_AGAIN_MS, ended).catch(() => {});
    await loop.stop();
  }
}
