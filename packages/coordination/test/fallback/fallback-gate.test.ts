import { EventBus, recordingLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { order } from '../../src/election/hrw.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import { FallbackGate } from '../../src/fallback/fallback-gate.ts';
import type { FallbackGateParts, FallbackRequest } from '../../src/fallback/fallback-gate.ts';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import type { ClusterNode, Digest, NegativeEntry, Provider, PullJob, PumpAnswer } from '../../src/types.ts';
import { flush, never, settleOn, TestMembers } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

const { gates } = loadVectors<{
  gates: readonly {
    readonly name: string;
    readonly fallbacks: number;
    readonly healthy_enough: boolean;
    readonly in_bootstrap: boolean;
    readonly per_node_rate_limit_per_min: number;
    readonly recheck_hit: boolean;
    readonly steps: readonly {
      readonly at_s: number;
      readonly digest_index: number;
      readonly allowed: boolean;
      readonly decline_reason?: string;
      readonly slot_kept_by_caller: boolean;
    }[];
  }[];
}>('fallback');

const PROVIDER: Provider = { nodeId: 'n1', addr: 'n1:5001' };
const NODES = ['n0', 'n1', 'n2', 'n3'].map((id) => clusterNode(id));

class Harness {
  readonly clock = new ManualClock();
  readonly inflight = new InFlightMap();
  readonly jobs: PullJob[] = [];
  readonly reasons: string[] = [];
  readonly suppressed = new Set<string>();
  passed = 0;
  health = 1;
  tableSize = 3;
  lookups = 0;
  lookup: () => Promise<readonly Provider[]> = async () => [];
  entry: NegativeEntry | undefined;
  answer: PumpAnswer | undefined;
  isSlotKept = false;
  readonly logger = recordingLogger();
  readonly gate: FallbackGate;

  constructor(
    options: {
      readonly perMinute?: number;
      readonly nodes?: readonly ClusterNode[];
      readonly self?: string;
      readonly jitterBaseMs?: number;
    } = {},
  ) {
    const events = new EventBus<CoordinationEvents>({
      onListenerError: (error) => {
        throw error;
      },
    });
    events.on('fallback.passed', () => void (this.passed += 1));
    events.on('fallback.declined', ({ payload }) => void this.reasons.push(payload.reason));
    const parts: FallbackGateParts = {
      members: new TestMembers(options.self ?? 'n0', options.nodes ?? NODES),
      discovery: {
        findProviders: async () => {
          this.lookups += 1;
          return this.lookup();
        },
        health: () => this.health,
        routingTableSize: 0,
      },
      inflight: this.inflight,
      negative: { lookup: () => this.entry },
      pump: (job) => this.#pump(job),
      suppression: { isSuppressed: (_digest, { nodeId }) => this.suppressed.has(nodeId) },
      clock: this.clock,
      timers: this.clock,
      random: { ...seededRandom(1), fraction: () => 0.5 },
      logger: this.logger,
      events,
      options: {
        ...DEFAULT_COORDINATION_SETTINGS,
        fallbackPerMinute: options.perMinute ?? 2,
        fallbackJitterBaseMs: options.jitterBaseMs ?? 0,
      },
    };
    Object.defineProperty(parts.discovery, 'routingTableSize', { get: () => this.tableSize });
    this.gate = new FallbackGate(parts);
  }

  request(changes: Partial<FallbackRequest> = {}): FallbackRequest {
    return { digest: testDigest(1), kind: 'blob', registry: 'hub', repository: 'a/b', ...changes };
  }

  /** Past the bootstrap window. */
  started(): this {
    this.clock.advance(30_000);
    return this;
  }

  #pump(job: PullJob): PumpAnswer {
    this.jobs.push(job);
    if (this.answer !== undefined) return this.answer;
    const { handle, already, entry } = this.inflight.start(job.digest, job.kind, 0, this.clock.now());
    if (already) return { kind: 'already', startedAt: entry.startedAt };
    if (!this.isSlotKept) handle.done();
    return { kind: 'started', startedAt: entry.startedAt };
  }
}

it('each fallback is one line of information, and a declined one is none', async () => {
  const harness = new Harness({ perMinute: 1 }).started();
  await harness.gate.attempt(harness.request());
  await harness.gate.attempt(harness.request({ digest: testDigest(2) }));
  expect(harness.reasons).toEqual(['rate_limited']);
  const fields = { digest: testDigest(1), kind: 'blob', registry: 'hub', repository: 'a/b' };
  expect(harness.logger.entries).toMatchObject([{ level: 'info', fields }]);
});

describe('the order of the gate', () => {
  it.each(gates)('$name', async (vector) => {
    const harness = new Harness({ perMinute: vector.per_node_rate_limit_per_min });
    if (!vector.in_bootstrap) harness.started();
    if (!vector.healthy_enough) harness.health = 0.29;
    if (vector.recheck_hit) harness.lookup = async () => [PROVIDER];
    let atSeconds = 0;
    for (const step of vector.steps) {
      harness.clock.advance((step.at_s - atSeconds) * 1_000);
      atSeconds = step.at_s;
      harness.isSlotKept = step.slot_kept_by_caller;
      const declined = harness.reasons.length;
      const verdict = await harness.gate.attempt(harness.request({ digest: testDigest(step.digest_index) }));
      expect(verdict.kind === 'pulling', `at ${step.at_s} s`).toBe(step.allowed);
      expect(harness.reasons.slice(declined)).toEqual(step.allowed ? [] : [step.decline_reason]);
    }
    expect(harness.passed).toBe(vector.fallbacks);
    expect(harness.jobs).toHaveLength(vector.fallbacks);
  });
});

describe('what becomes of a claim', () => {
  it('is handed to the pump as it is', async () => {
    const harness = new Harness().started();
    harness.isSlotKept = true;
    const verdict = await harness.gate.attempt(harness.request());
    expect(verdict).toEqual({ kind: 'pulling', answer: { kind: 'started', startedAt: harness.clock.now() } });
    expect(harness.jobs).toMatchObject([{ trigger: 'fallback', registry: 'hub', repository: 'a/b' }]);
    expect(harness.inflight.length).toBe(1);
  });

  it('is seen as queued while the jitter lasts, and keeps others out', async () => {
    const harness = new Harness().started();
    harness.lookup = never;
    const first = harness.gate.attempt(harness.request());
    await flush();
    expect(harness.inflight.lookup(testDigest(1), 5)).toMatchObject({ isQueued: true, startedAt: 5 });
    expect(await harness.gate.attempt(harness.request())).toEqual({ kind: 'follow' });
    expect(await settleOn(harness.clock, first)).toMatchObject({ kind: 'pulling' });
    expect(harness.inflight.length).toBe(0);
  });

  it.each(['rate_limited', 'recheck_hit', 'context_cancelled', 'cooldown', 'pump_declined'])(
    'is given back after %s',
    async (reason) => {
      const harness = new Harness({ perMinute: 1 }).started();
      const abort = new AbortController();
      if (reason === 'rate_limited') await harness.gate.attempt(harness.request());
      if (reason === 'recheck_hit') harness.lookup = async () => [PROVIDER];
      if (reason === 'context_cancelled') abort.abort();
      const entry = { failureCount: 1, lastFailureAt: 0, failureClass: 'auth', cooldownUntil: 9 } as const;
      if (reason === 'cooldown') harness.answer = { kind: 'failed', entry };
      if (reason === 'pump_declined') harness.answer = { kind: 'declined' };
      await harness.gate.attempt(harness.request({ signal: abort.signal }));
      expect(harness.reasons).toEqual([reason]);
      expect(harness.inflight.length).toBe(0);
    },
  );
});

describe('jitter', () => {
  it('delays by a part of base times ln N, and ends with the client', async () => {
    const harness = new Harness({ jitterBaseMs: 3_000 }).started();
    const waiting = harness.gate.attempt(harness.request());
    await flush();
    harness.clock.advance(Math.floor(1_500 * Math.log(4)));
    await flush();
    expect(harness.lookups).toBe(0);
    harness.clock.advance(1);
    expect(await waiting).toMatchObject({ kind: 'pulling' });

    const abort = new AbortController();
    const leaving = harness.gate.attempt(harness.request({ signal: abort.signal }));
    await flush();
    abort.abort(new Error('the client has left'));
    expect(await leaving).toEqual({ kind: 'declined', reason: 'context_cancelled' });
    expect([harness.lookups, harness.inflight.length]).toEqual([1, 0]);
  });
});

it('does not go to the origin for a client that leaves during the last lookup', async () => {
  const harness = new Harness().started();
  const abort = new AbortController();
  harness.lookup = async () => {
    abort.abort(new Error('the client has left'));
    return never();
  };
  const verdict = await harness.gate.attempt(harness.request({ signal: abort.signal }));
  expect(verdict).toEqual({ kind: 'declined', reason: 'context_cancelled' });
  expect([harness.jobs, harness.inflight.length]).toEqual([[], 0]);
});

describe('departures', () => {
  it('names the providers that the last lookup found, but not ourselves nor suppressed ones', async () => {
    const harness = new Harness().started();
    harness.suppressed.add('n2');
    harness.lookup = async () => [{ nodeId: 'n0', addr: '' }, { nodeId: 'n2', addr: '' }, PROVIDER];
    const verdict = await harness.gate.attempt(harness.request());
    expect(verdict).toEqual({ kind: 'providers', providers: [PROVIDER] });
    harness.suppressed.add('n1');
    expect(await harness.gate.attempt(harness.request())).toMatchObject({ kind: 'pulling' });
  });

  it('passes when the last lookup fails or takes longer than a second', async () => {
    const harness = new Harness().started();
    harness.lookup = async () => {
      throw new Error('no route');
    };
    expect(await harness.gate.attempt(harness.request())).toMatchObject({ kind: 'pulling' });
    harness.lookup = never;
    const before = harness.clock.now();
    const verdict = await settleOn(harness.clock, harness.gate.attempt(harness.request()));
    expect(verdict).toMatchObject({ kind: 'pulling' });
    expect(harness.clock.now() - before).toBe(1_000);
  });

  it('leaves an origin alone that has just failed, without spending a token', async () => {
    const harness = new Harness({ perMinute: 1 }).started();
    harness.entry = { failureCount: 1, lastFailureAt: 0, failureClass: 'auth', cooldownUntil: 9 };
    expect(await harness.gate.attempt(harness.request())).toEqual({
      kind: 'declined',
      reason: 'cooldown',
      entry: harness.entry,
    });
    harness.entry = undefined;
    expect(await harness.gate.attempt(harness.request())).toMatchObject({ kind: 'pulling' });
  });

  it('lets a single node through at once, though its discovery finds nobody', async () => {
    const harness = new Harness({ nodes: [clusterNode('n0')] });
    harness.health = 0;
    harness.tableSize = 0;
    expect(await harness.gate.attempt(harness.request())).toMatchObject({ kind: 'pulling' });
    expect(harness.lookups).toBe(0);
  });

  it('counts an outage anew after discovery was in order', async () => {
    const harness = new Harness({ self: order(NODES, testDigest(1))[0]?.id as string }).started();
    const attempts = [];
    for (const health of [0, 1, 0]) {
      harness.health = health;
      attempts.push(await harness.gate.attempt(harness.request()));
      harness.clock.advance(31_000);
    }
    expect(attempts.map(({ kind }) => kind)).toEqual(['declined', 'pulling', 'declined']);
  });

  it('in an outage lets the best nodes through after a minute, and only them', async () => {
    const nodes = ['n0', 'n1', 'n2', 'n3', 'n4'].map((id) => clusterNode(id));
    const ranked = order(nodes, testDigest(1)).map(({ id }) => id);
    for (const [rank, self] of ranked.entries()) {
      const harness = new Harness({ nodes, self }).started();
      harness.health = 0;
      const digest: Digest = testDigest(1);
      await harness.gate.attempt(harness.request({ digest }));
      harness.clock.advance(59_999);
      await harness.gate.attempt(harness.request({ digest }));
      harness.clock.advance(1);
      const verdict = await harness.gate.attempt(harness.request({ digest }));
      expect(verdict.kind, `rank ${rank}`).toBe(rank < 3 ? 'pulling' : 'declined');
      const again = await harness.gate.attempt(harness.request({ digest }));
      expect(again.kind, 'the waiver lasts while the outage does').toBe(rank < 3 ? 'pulling' : 'declined');
    }
  });
});

describe('the bootstrap window', () => {
  it('stays open while the routing table is empty', () => {
    const harness = new Harness().started();
    expect(harness.gate.isBootstrapping).toBe(false);
    harness.tableSize = 0;
    expect(harness.gate.isBootstrapping).toBe(true);
  });
});
