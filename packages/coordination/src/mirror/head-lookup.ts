/**
 * The size of an object without getting it (coordination spec 13.6): what is known here, then other nodes, and the origin last,
 * once a second at most, so that a HEAD never costs the origin a request per node.
 */

import type { Clock, Timers } from '@muster/core';
import { topK } from '../election/hrw.ts';
import { coordinationErrors } from '../errors.ts';
import type {
  ClusterMembers,
  ContentDiscovery,
  Coordinator,
  Descriptor,
  NegativeCacheReader,
  OriginAdapter,
} from '../parts.ts';
import type { Suppressions } from '../sessions/suppression.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { PeerTransfer } from '../transfer/peer-transfer.ts';
import type { ClusterNode, Digest, ObjectKind, Provider, PullIntent, Repository } from '../types.ts';
import { within } from '../within.ts';

const ASK_MS = 2_000;
const MAX_ENDPOINTS = 3;
const ORIGIN_INTERVAL_MS = 1_000;
const ORIGIN_MS = 30_000;

export interface HeadLookupParts {
  readonly descriptors: {
    get(digest: Digest): Descriptor | undefined;
    learn(digest: Digest, known: Descriptor): void;
  };
  readonly discovery: Pick<ContentDiscovery, 'findProviders'>;
  readonly transfer: Pick<PeerTransfer, 'head'>;
  readonly coordinator: Pick<Coordinator, 'pullIntent'>;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot'>;
  readonly suppression: Suppressions;
  readonly negative?: NegativeCacheReader;
  readonly origins: ReadonlyMap<string, OriginAdapter>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly options: Pick<CoordinationSettings, 'hrwK'>;
}

export interface HeadRequest extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly signal: AbortSignal;
}

export interface HeadAnswer {
  readonly size: number;
  readonly source: 'cache' | 'peer' | 'origin';
}

export class HeadLookup {
  readonly #parts: HeadLookupParts;
  #originAt = Number.NEGATIVE_INFINITY;

  constructor(parts: HeadLookupParts) {
    this.#parts = parts;
  }

  /** Steps 3 to 6. Rejects ORIGIN_FAILED, COOLDOWN_ACTIVE, WARM_PATH_EXHAUSTED, and with the reason of the signal. */
  async find(request: HeadRequest): Promise<HeadAnswer> {
    const known = this.#parts.descriptors.get(request.digest)?.size;
    if (known !== undefined) return { size: known, source: 'cache' };
    const size = (await this.#askProviders(request)) ?? (await this.#askOwners(request));
    if (size !== undefined) return { size, source: 'peer' };
    return { size: await this.#askOrigin(request), source: 'origin' };
  }

  async #askProviders(request: HeadRequest): Promise<number | undefined> {
    const { discovery, timers, members, suppression } = this.#parts;
    const { digest, signal } = request;
    let found: readonly Provider[] = [];
    try {
      found = await within(timers, ASK_MS, signal, async (inner) =>
        discovery.findProviders(digest, { timeoutMs: ASK_MS, signal: inner }),
      );
    } catch {
      signal.throwIfAborted();
    }
    const usable = found.filter(
      (provider) =>
        provider.addr !== '' &&
        provider.nodeId !== members.self() &&
        !suppression.isSuppressed(digest, provider),
    );
    return this.#askEndpoints(request, usable.slice(0, MAX_ENDPOINTS));
  }

  async #askEndpoints(request: HeadRequest, providers: readonly Provider[]): Promise<number | undefined> {
    const { transfer, timers, descriptors } = this.#parts;
    const { digest, kind, registry, repository, signal } = request;
    for (const provider of providers) {
      try {
        const answer = await within(timers, ASK_MS, signal, async (inner) =>
          transfer.head({ provider, digest, kind, repository, signal: inner }),
        );
        if (answer === undefined) continue;
        const { size } = answer;
        descriptors.learn(digest, { size, kind, registry, repository });
        return size;
      } catch {
        signal.throwIfAborted();
      }
    }
    return undefined;
  }

  /** Who would have to pull it may have it, or be pulling it. Nobody is made to. */
  async #askOwners(request: HeadRequest): Promise<number | undefined> {
    const { members, options } = this.#parts;
    const self = members.self();
    const owners = topK(members.snapshot(), request.digest, options.hrwK).filter(({ id }) => id !== self);
    const intents = await Promise.all(owners.map(async (node) => this.#intent(node, request)));
    request.signal.throwIfAborted();
    const told = intents.find((intent) => intent?.totalBytes !== undefined)?.totalBytes;
    if (told !== undefined) return told;
    const having = owners.filter((_node, index) => intents[index]?.hasCached === true);
    const providers = having.map(({ id, addr }) => ({ nodeId: id, addr }));
    return this.#askEndpoints(request, providers.slice(0, MAX_ENDPOINTS));
  }

  async #intent(node: ClusterNode, { digest, signal }: HeadRequest): Promise<PullIntent | undefined> {
    const { coordinator, timers } = this.#parts;
    try {
      return await within(timers, ASK_MS, signal, async (inner) =>
        coordinator.pullIntent(node.id, digest, { signal: inner, timeoutMs: ASK_MS }),
      );
    } catch {
      return undefined;
    }
  }

  async #askOrigin({ digest, kind, registry, repository, signal }: HeadRequest): Promise<number> {
    const { origins, negative, clock, timers, descriptors } = this.#parts;
    const entry = negative?.lookup(digest);
    if (entry !== undefined) {
      const { cooldownUntil, failureClass } = entry;
      throw coordinationErrors.create('COOLDOWN_ACTIVE', 'the origin failed a moment ago', {
        details: { digest, cooldownUntil, failureClass },
      });
    }
    const origin = origins.get(registry);
    const now = clock.monotonic();
    if (origin?.head === undefined || now - this.#originAt < ORIGIN_INTERVAL_MS) {
      throw coordinationErrors.create('WARM_PATH_EXHAUSTED', 'nobody here knows the size of the object');
    }
    this.#originAt = now;
    const { head } = origin;
    const { size, mediaType } = await within(timers, ORIGIN_MS, signal, async (inner) =>
      head.call(origin, repository, digest, kind, inner),
    );
    if (size === undefined) {
      throw coordinationErrors.create('WARM_PATH_EXHAUSTED', 'the origin does not tell the size');
    }
    const type = mediaType === undefined ? {} : { mediaType };
    descriptors.learn(digest, { size, kind, registry, repository, ...type });
    return size;
  }
}
