/**
 * The members of a network of a registry, kept in step by watching it.
 *
 * Fault model: the registry may be gone, slow, restarted, or another one than before. A list counts only when the key of every new
 * member has been learned; until then, and whenever nobody answers, the last list stays. Memory is bounded by the members that are
 * taken (`MAX_MEMBERS`).
 */
import type { LiveNode, NodeEntry, RegistryClient } from '@muster/client';
import { isTransient, refusalOf } from '@muster/client';
import type { Clock, Logger, Timers } from '@muster/core';
import { peerIdOf } from '@muster/core/identity';
import type { ListedMember } from './confirmed-list.ts';
import { multiaddrOf } from './member-facts.ts';
import { MAX_MEMBERS } from './members-file.ts';

/** Requests about single members at a time. */
const CONCURRENCY = 16;
/** Least time between looks that are asked for by {@link NetworkMembers.refresh}. */
const MIN_REFRESH_MS = 1_000;
/**
 * Members of whom key and private address are asked again after a look, since both may have changed without a sign. That is so of
 * all of them after a whole list: the first after a failure, one now and then, and each of a registry that cannot tell changes.
 * Changes that are told name whom they concern. At the default interval a thousand members are through in twenty minutes, and a
 * registry that comes back is not asked for everything by everybody at once.
 */
const RECHECKED = 4;
/** Pause after the registry has refused the list. */
const REFUSED_PAUSE_MS = 30_000;

export interface NetworkMembersOptions {
  readonly client: RegistryClient;
  readonly network: number;
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Who was a member when that was last known: the keys of those who still have their names are believed at first. */
  readonly before: readonly ListedMember[];
  /** Hears of each list, also when it says nothing new. */
  readonly onList: (members: readonly ListedMember[], confirmedAt: number) => void;
}

interface Known {
  readonly entry: NodeEntry;
  /** What was last told of it while the registry heard from it: the list says nothing of who is silent but that it is a member. */
  readonly live: LiveNode | undefined;
  readonly publicKey?: Uint8Array | undefined;
  /** Of a private member, from `resolve`. */
  readonly realAddress?: string | undefined;
}

export class NetworkMembers {
  readonly #options: NetworkMembersOptions;
  readonly #stopping = new AbortController();
  readonly #known = new Map<number, Known>();
  /** Members of whom something is to be asked. */
  readonly #dirty = new Set<number>();
  /** Those of the last list that was kept, until this one has begun. */
  readonly #before: Map<number, ListedMember>;
  /** Members of whom something may have changed without a sign, the longest unasked first. */
  readonly #unsure = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #running: Promise<void> | undefined;
  #confirming: Promise<void> = Promise.resolve();
  #pollNow: (() => void) | undefined;
  #polledAt = 0;
  #hasFailed = false;

  constructor(options: NetworkMembersOptions) {
    this.#options = options;
    this.#before = new Map(
      options.before.flatMap((member) => (member.nodeId === undefined ? [] : [[member.nodeId, member]])),
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#release();
    await this.#running;
    await this.#confirming;
  }

  /**
   * Looks as soon as the registry may be asked again, at most once a second however many call. Resolves with the next list, after
   * `timeoutMs`, or at the stop; never rejects.
   */
  async refresh(timeoutMs: number): Promise<void> {
    if (this.#stopping.signal.aborted || this.#running === undefined || this.#hasFailed) return;
    const { timers, clock } = this.#options;
    await new Promise<void>((resolve) => {
      const timeout = timers.after(timeoutMs, done);
      const dueMs = Math.max(0, this.#polledAt + MIN_REFRESH_MS - clock.monotonic());
      const due = timers.after(dueMs, () => this.#pollNow?.());
      this.#waiting.add(done);
      const waiting = this.#waiting;
      function done(): void {
        timeout.cancel();
        due.cancel();
        waiting.delete(done);
        resolve();
      }
    });
  }

  /** The registry answers again, as somebody else has found: there is no reason to wait any longer before the next look. */
  lookAgain(): void {
    if (this.#hasFailed) this.#pollNow?.();
  }

  async #run(): Promise<void> {
    const { timers, logger } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#fail();
        logger.warn({ error }, 'the members of the network cannot be listed; the last list stays');
      }
      await timers.sleep(REFUSED_PAUSE_MS, signal).catch(() => {});
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, network, refreshMs, clock, logger } = this.#options;
    // A watch begins with everybody who is there; who is not among them has left meanwhile.
    const present = new Set<number>();
    let isFirst = true;
    const changes = client.watch(network, {
      intervalMs: refreshMs,
      maxNodes: MAX_MEMBERS,
      signal,
      onPause: (pollNow) => {
        this.#pollNow = pollNow;
      },
      onPoll: ({ touched }) => {
        if (isFirst) for (const id of this.#known.keys()) if (!present.has(id)) this.#forget(id);
        isFirst = false;
        this.#before.clear();
        if (this.#hasFailed) logger.info({ network }, 'the members of the network are listed again');
        this.#hasFailed = false;
        this.#polledAt = clock.monotonic();
        this.#mark(touched);
        const confirmedAt = clock.now();
        this.#confirming = this.#confirming.then(async () => await this.#confirm(confirmedAt));
      },
      onError: (error) => {
        if (!this.#hasFailed)
          logger.warn({ error }, 'the registry does not list the members; the last list stays');
        this.#fail();
      },
    });
    for await (const { kind, node } of changes) {
      if (kind === 'left') this.#forget(node.nodeId);
      else {
        present.add(node.nodeId);
        const before = this.#known.get(node.nodeId);
        const live = node.state === 'live' ? node : before?.live;
        const publicKey = before?.publicKey ?? this.#keyOfBefore(node);
        this.#known.set(node.nodeId, { ...before, publicKey, entry: node, live });
        const isWhole = publicKey !== undefined && (node.state === 'offline' || node.visibility === 'public');
        if (!isWhole || kind === 'changed') this.#dirty.add(node.nodeId);
      }
    }
  }

  /** A registry that was made anew may have given the number to another one, but hardly with the same name. */
  #keyOfBefore(node: NodeEntry): Uint8Array | undefined {
    const member = this.#before.get(node.nodeId);
    const isSame = node.state === 'live' && node.hostname !== undefined && node.hostname === member?.name;
    return isSame ? member?.publicKey : undefined;
  }

  #forget(nodeId: number): void {
    this.#known.delete(nodeId);
    this.#unsure.delete(nodeId);
  }

  /** Takes note of whom the registry is to be asked about after a look; `touched` as the watch has it. */
  #mark(touched: readonly number[] | undefined): void {
    if (touched === undefined) {
      for (const id of this.#known.keys()) if (!this.#dirty.has(id)) this.#unsure.add(id);
    } else {
      for (const id of touched) if (this.#known.has(id)) this.#dirty.add(id);
    }
    let rechecked = 0;
    for (const id of this.#unsure) {
      if (rechecked++ === RECHECKED) break;
      this.#unsure.delete(id);
      this.#dirty.add(id);
    }
  }

  #fail(): void {
    this.#hasFailed = true;
    this.#release();
  }

  #release(): void {
    for (const resolve of this.#waiting) resolve();
  }

  async #confirm(confirmedAt: number): Promise<void> {
    const { logger, onList } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const ids = [...this.#dirty];
    try {
      const next = ids.values();
      await Promise.all(Array.from({ length: Math.min(CONCURRENCY, ids.length) }, () => this.#learn(next)));
      onList(this.#members(), confirmedAt);
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ error }, 'the keys of new members cannot be learned; the last list stays');
    } finally {
      this.#release();
    }
  }

  /** Asks for what a list does not tell: keys, and addresses of private members. */
  async #learn(ids: Iterable<number>): Promise<void> {
    for (const id of ids) {
      const before = this.#known.get(id);
      if (before === undefined) {
        this.#dirty.delete(id);
        continue;
      }
      const publicKey = (await this.#keyOf(id)) ?? before.publicKey;
      const realAddress = await this.#privateAddressOf(before);
      const now = this.#known.get(id);
      if (now !== before) continue;
      this.#dirty.delete(id);
      this.#known.set(id, { ...now, publicKey, realAddress });
      // It may be told later: we may not be a member yet ourselves, of which the list says nothing.
      const isHidden = now.entry.state === 'live' && now.entry.visibility !== 'public';
      if (publicKey === undefined || (isHidden && realAddress === undefined)) this.#unsure.add(id);
    }
  }

  /** Undefined when the registry knows the node no more, or has no key of it. */
  async #keyOf(nodeId: number): Promise<Uint8Array | undefined> {
    try {
      const { publicKey } = await this.#options.client.lookup(nodeId, { signal: this.#stopping.signal });
      return publicKey;
    } catch (error) {
      if (refusalOf(error) === undefined || isTransient(error)) throw error;
      return undefined;
    }
  }

  async #privateAddressOf({ entry, realAddress }: Known): Promise<string | undefined> {
    if (entry.state === 'offline') return realAddress;
    if (entry.visibility === 'public') return undefined;
    try {
      const { signal } = this.#stopping;
      return (await this.#options.client.resolve(entry.nodeId, { signal })).realAddress;
    } catch (error) {
      if (refusalOf(error) === undefined || isTransient(error)) throw error;
      return realAddress;
    }
  }

  #members(): readonly ListedMember[] {
    return [...this.#known.values()].flatMap((known) => memberOf(known) ?? []);
  }
}

function memberOf({ entry, live, publicKey, realAddress }: Known): ListedMember | undefined {
  if (publicKey === undefined) return undefined;
  const tags = live?.tags ?? [];
  const address = multiaddrOf(live?.realAddress ?? realAddress, tags);
  return {
    publicKey,
    peerId: peerIdOf(publicKey),
    nodeId: entry.nodeId,
    name: live?.hostname,
    tags,
    addresses: address === undefined ? [] : [address],
    isLive: entry.state === 'live',
  };
}
