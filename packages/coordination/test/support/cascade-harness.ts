import { EventBus, silentLogger } from '@muster/core';
import type { Logger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { ColdStart } from '../../src/cold-start/cascade.ts';
import type { ColdStartParts, ColdStartSettings } from '../../src/cold-start/context.ts';
import type { ColdStartRequest, Resolution } from '../../src/cold-start/resolution.ts';
import { order } from '../../src/election/hrw.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import type { ClusterMembers, Coordinator, LocalCoordinator } from '../../src/parts.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import type {
  ClusterNode,
  Digest,
  PleasePullResult,
  Provider,
  PullIntent,
  PullJob,
} from '../../src/types.ts';
import { clusterNode } from './election-models.ts';
import { testDigest } from './vectors.ts';

/** What a node of the tests answers to a question. A rejection or a promise that never settles will do. */
export type IntentStub = (calls: number, signal?: AbortSignal) => Partial<PullIntent> | Promise<PullIntent>;
export type PleaseStub = (calls: number) => Partial<PleasePullResult> | Promise<PleasePullResult>;

/** An answer to `pull_intent` of a node that does nothing. */
export function idle(changes: Partial<PullIntent> = {}): PullIntent {
  return { hasCached: false, inFlight: false, rank: -1, recentlyFailed: false, failureClass: '', ...changes };
}

/** Members of the tests, that can change. */
export class TestMembers implements ClusterMembers {
  readonly #self: string;
  readonly #listeners = new Set<() => void>();
  #nodes: readonly ClusterNode[];

  constructor(self: string, nodes: readonly ClusterNode[]) {
    this.#self = self;
    this.#nodes = nodes;
  }

  self(): string {
    return this.#self;
  }

  snapshot(): readonly ClusterNode[] {
    return this.#nodes;
  }

  bootstrapSnapshot(): readonly ClusterNode[] {
    return this.#nodes;
  }

  runningCount(): number {
    return this.#nodes.length;
  }

  async waitForSync(): Promise<void> {}

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  change(nodes: readonly ClusterNode[]): void {
    this.#nodes = nodes;
    for (const listener of this.#listeners) listener();
  }
}

/** A cascade among scripted nodes, on a clock that stands still until it is told to go on. */
export class CascadeHarness {
  readonly clock = new ManualClock();
  readonly digest: Digest;
  readonly members: TestMembers;
  readonly coldStart: ColdStart;
  /** Who was asked what, in order: `intent n1`, `please n1`, `local please`. */
  readonly calls: string[] = [];
  readonly published: { topic: string; payload: unknown }[] = [];
  readonly intents = new Map<string, IntentStub>();
  readonly pleases = new Map<string, PleaseStub>();
  readonly suppressed = new Set<string>();
  /** Nodes whose word for having the object is worth nothing. */
  readonly useless = new Set<string>();
  readonly vindicated: string[] = [];
  readonly sizes = new Map<Digest, number>();
  /** Providers of the lookups, in order; later ones find nobody. */
  lookups: (readonly Provider[] | Error | 'hang')[] = [];
  lookupCount = 0;
  isStored = false;
  health = 1;
  readonly #counts = new Map<string, number>();

  constructor(
    options: {
      readonly self?: string;
      readonly nodes?: readonly ClusterNode[];
      readonly isLocalWired?: boolean;
      readonly digest?: Digest;
      readonly settings?: Partial<ColdStartSettings>;
      readonly logger?: Logger;
    } = {},
  ) {
    this.digest = options.digest ?? testDigest(1);
    const nodes = options.nodes ?? ['n0', 'n1', 'n2', 'n3'].map((id) => clusterNode(id));
    this.members = new TestMembers(options.self ?? 'outside', nodes);
    const events = new EventBus<CoordinationEvents>({
      onListenerError: (error) => {
        throw error;
      },
    });
    events.on('*', (event) => this.published.push(event));
    const parts: ColdStartParts = {
      coordinator: this.#coordinator(),
      members: this.members,
      discovery: {
        health: () => this.health,
        findProviders: async () => this.#lookup(),
      },
      store: { has: async () => this.isStored },
      suppression: {
        isSuppressed: (_digest, provider) => this.suppressed.has(provider.nodeId),
        isUseless: (_digest, provider) => this.useless.has(provider.nodeId),
        hasCached: (_digest, nodeId) => this.vindicated.push(nodeId),
      },
      descriptors: {
        get: (digest) => {
          const size = this.sizes.get(digest);
          return size === undefined ? undefined : { size };
        },
        learn: (digest, { size }) => void this.sizes.set(digest, size ?? -1),
      },
      clock: this.clock,
      timers: this.clock,
      logger: options.logger ?? silentLogger,
      events,
      options: { ...DEFAULT_COORDINATION_SETTINGS, hrwViewOverlapMs: 0, ...options.settings },
      ...(options.isLocalWired === true ? { local: this.#local() } : {}),
    };
    this.coldStart = new ColdStart(parts);
  }

  /** The ids of the members in the order of the digest. */
  get order(): readonly string[] {
    return order(this.members.snapshot(), this.digest).map(({ id }) => id);
  }

  node(rank: number): string {
    return this.order[rank] as string;
  }

  /** What was published under a topic. */
  topic<Topic extends keyof CoordinationEvents>(topic: Topic): readonly CoordinationEvents[Topic][] {
    return this.published
      .filter((event) => event.topic === topic)
      .map((event) => event.payload as CoordinationEvents[Topic]);
  }

  get outcomes(): readonly string[] {
    return this.topic('coldstart.finished').map(({ outcome }) => outcome);
  }

  /** The calls of a kind, as ranks. */
  ranks(kind: 'intent' | 'please'): readonly number[] {
    return this.calls
      .filter((call) => call.startsWith(`${kind} `))
      .map((call) => this.order.indexOf(call.slice(kind.length + 1)));
  }

  request(changes: Partial<ColdStartRequest> = {}): ColdStartRequest {
    return { digest: this.digest, kind: 'blob', registry: 'hub', repository: 'library/test', ...changes };
  }

  async resolve(changes: Partial<ColdStartRequest> = {}): Promise<Resolution> {
    return this.settle(this.coldStart.resolve(this.request(changes)));
  }

  /** Lets time pass until the promise has settled, at most twenty minutes. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    return settleOn(this.clock, promise);
  }

  #coordinator(): Coordinator {
    return {
      pullIntent: async (target, _digest, options) => {
        this.calls.push(`intent ${target}`);
        return this.#intent(target, options?.signal);
      },
      pleasePull: async (target, _job, [digest]) => {
        this.calls.push(`please ${target}`);
        return this.#please(target, digest as Digest);
      },
    };
  }

  #local(): LocalCoordinator {
    return {
      localPullIntent: async () => {
        this.calls.push('local intent');
        return this.#intent(this.members.self(), undefined);
      },
      startLocalPull: async (_job: { readonly trigger: PullJob['trigger'] }, [digest]: readonly Digest[]) => {
        this.calls.push('local please');
        return this.#please(this.members.self(), digest as Digest);
      },
    };
  }

  async #intent(target: string, signal: AbortSignal | undefined): Promise<PullIntent> {
    const stub = this.intents.get(target);
    const rank = this.order.indexOf(target);
    return { ...idle({ rank }), ...(await stub?.(this.#count(`intent ${target}`), signal)) };
  }

  async #please(target: string, digest: Digest): Promise<readonly PleasePullResult[]> {
    const stub = this.pleases.get(target);
    const answer = await stub?.(this.#count(`please ${target}`));
    return [{ digest, outcome: 'started', startedAt: this.clock.now(), failureClass: '', ...answer }];
  }

  async #lookup(): Promise<readonly Provider[]> {
    const found = this.lookups[this.lookupCount] ?? [];
    this.lookupCount += 1;
    if (found === 'hang') return never();
    if (found instanceof Error) throw found;
    return found;
  }

  #count(call: string): number {
    const count = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.set(call, count);
    return count;
  }
}

/** Lets time pass until the promise has settled, at most twenty minutes. */
export async function settleOn<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false };
  const settled = (): void => {
    state.isSettled = true;
  };
  promise.then(settled, settled);
  for (let step = 0; step < 24_000; step++) {
    await flush();
    if (state.isSettled) return promise;
    clock.advance(50);
  }
  throw new Error('not settled after twenty minutes');
}

/** A promise that never settles. */
export async function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** Lets promises that are due settle. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}
