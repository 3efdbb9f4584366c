import { EventBus, recordingLogger } from '@muster/core';
import { digestOf } from '../../src/content-key.ts';
import { DescriptorIndex } from '../../src/descriptors/descriptor-index.ts';
import { DownloadRegistry } from '../../src/downloads/download-registry.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import { NegativeCache } from '../../src/negative-cache/negative-cache.ts';
import { originError } from '../../src/origin/failure.ts';
import type { OriginAdapter, OriginObject } from '../../src/parts.ts';
import type { PullPumpParts } from '../../src/pump/parts.ts';
import { PullPump } from '../../src/pump/pull-pump.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import type { Digest, FailureClass, ObjectKind, Provider, PullJob } from '../../src/types.ts';
import { memoryStore } from './stores.ts';

/** An origin in memory. What a test changes in it counts for the requests from then on. */
export class ScriptedOrigin implements OriginAdapter {
  readonly name = 'hub';
  readonly objects = new Map<Digest, Uint8Array>();
  /** Of every `open`, in their order. */
  readonly opened: { readonly digest: Digest; readonly offset: number; readonly kind: ObjectKind }[] = [];
  readonly prepared: string[] = [];
  /** Answers with this failure. */
  failure:
    | { readonly failureClass: FailureClass; readonly retryAfterMs?: number; readonly isLocal?: boolean }
    | undefined;
  /** Waited for before the answer. */
  gate: Promise<void> | undefined;
  /** What becomes of the body. */
  distort: (body: Uint8Array, signal: AbortSignal) => AsyncIterable<Uint8Array> = chunked;
  /** @default the size of the object */
  toldSize: number | 'none' | undefined;

  add(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    this.objects.set(digest, bytes);
    return digest;
  }

  async prepare(repository: string): Promise<void> {
    this.prepared.push(repository);
  }

  async open(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    offset: number,
    signal: AbortSignal,
  ): Promise<OriginObject> {
    this.opened.push({ digest, offset, kind });
    if (this.gate !== undefined) await unlessAborted(this.gate, signal);
    const bytes = this.objects.get(digest);
    const subject = { registry: this.name, repository, digest, kind };
    if (this.failure !== undefined) throw originError(subject, this.failure, 'scripted');
    if (bytes === undefined)
      throw originError(subject, { failureClass: 'not_found', status: 404 }, 'no such object');
    const size = this.toldSize === 'none' ? undefined : (this.toldSize ?? bytes.length);
    return {
      body: this.distort(bytes.subarray(offset), signal),
      size,
      offset,
      mediaType: 'application/x-test',
    };
  }
}

/** A body in pieces of 100,000 bytes. */
export async function* chunked(body: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < body.length; at += 100_000) yield body.subarray(at, at + 100_000);
}

/** Rejects with the reason of the signal when that comes first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort));
}

/** A pump over real parts in memory, on a clock that stands still. */
export async function pumpFixture(
  overrides: Partial<Pick<PullPumpParts, 'copyFromPeers' | 'isFollowed' | 'leasing' | 'betterPuller'>> & {
    readonly options?: Partial<PullPumpParts['options']>;
    readonly capacityBytes?: number;
    /** Instead of the scripted origin. */
    readonly adapter?: OriginAdapter;
  } = {},
) {
  const { capacityBytes } = overrides;
  const { store, clock } = await memoryStore(capacityBytes === undefined ? {} : { capacityBytes });
  const logger = recordingLogger();
  const origin = new ScriptedOrigin();
  const inflight = new InFlightMap();
  const negative = new NegativeCache(DEFAULT_COORDINATION_SETTINGS);
  const descriptors = new DescriptorIndex({ logger });
  const downloads = new DownloadRegistry({ store, timers: clock, options: DEFAULT_COORDINATION_SETTINGS });
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => {
      throw error;
    },
  });
  const published: { readonly topic: string; readonly payload: unknown }[] = [];
  events.on('origin.*', (event) => void published.push(event));
  const leased: { readonly topic: string; readonly payload: unknown }[] = [];
  events.on('lease.*', (event) => void leased.push(event));
  const provided: Digest[] = [];
  const lookups: Digest[] = [];
  const peers: { providers: readonly Provider[]; find?: () => Promise<readonly Provider[]> } = {
    providers: [],
  };
  const discovery: PullPumpParts['discovery'] = {
    async findProviders(digest) {
      lookups.push(digest);
      return peers.find === undefined ? peers.providers : peers.find();
    },
    async provide(digest) {
      provided.push(digest);
    },
  };
  const { copyFromPeers, isFollowed, leasing, betterPuller } = overrides;
  const agent = new PullPump({
    origins: new Map([['hub', overrides.adapter ?? origin]]),
    downloads,
    store,
    inflight,
    negative,
    descriptors,
    discovery,
    ...(copyFromPeers && { copyFromPeers }),
    ...(isFollowed && { isFollowed }),
    ...(leasing && { leasing }),
    ...(betterPuller && { betterPuller }),
    clock,
    timers: clock,
    events,
    logger,
    options: { ...DEFAULT_COORDINATION_SETTINGS, ...overrides.options },
  });
  const job = (digest: Digest, more: Partial<PullJob> = {}): PullJob => ({
    digest,
    kind: 'blob',
    registry: 'hub',
    repository: 'lib/n',
    trigger: 'peer',
    ...more,
  });
  /** Starts a pull; its end, as the source or as the code of the error. */
  const pull = async (digest: Digest, more: Partial<PullJob> = {}) => {
    const answer = await agent.pump(job(digest, more));
    const end = (agent.follow(digest) ?? Promise.reject(new Error('not running'))).then(
      (source) => source as string,
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
    return { answer, end };
  };
  return {
    agent,
    pump: agent.pump,
    pull,
    job,
    origin,
    store,
    clock,
    logger,
    inflight,
    negative,
    descriptors,
    downloads,
    published,
    leased,
    provided,
    lookups,
    peers,
  };
}
