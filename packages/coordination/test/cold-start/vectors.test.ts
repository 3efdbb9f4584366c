import { errorCode } from '@muster/core';
import { describe, expect, it } from 'vitest';
import type { Resolution } from '../../src/cold-start/resolution.ts';
import type { Digest, FailureClass, ObjectKind, PleasePullResult, PullIntent } from '../../src/types.ts';
import { CascadeHarness, idle } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

interface IntentVector {
  readonly has_cached?: boolean;
  readonly in_flight?: boolean;
  readonly started_ago_s?: number;
  readonly recently_failed?: boolean;
  readonly class?: FailureClass;
  readonly cooldown_in_s?: number;
  readonly reported_rank?: number;
}

interface Input {
  readonly cluster: readonly string[];
  readonly self: string;
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly registry: string;
  readonly repository: string;
  readonly expected_size: number;
  readonly hrw_k: number;
  readonly hrw_order: readonly string[];
  readonly topk_expansion_factor: number;
  readonly trusted_classes?: readonly FailureClass[];
  readonly dht_health: number;
  readonly dht_provider_counts_per_lookup: readonly number[] | null;
  readonly intents_by_rank: Readonly<Record<string, IntentVector>>;
  readonly unreachable_ranks: readonly number[] | null;
  readonly local_pull_wired: boolean;
  readonly local_intent: IntentVector | null;
  readonly please_pull_reply: {
    readonly outcome: string;
    readonly class?: FailureClass;
    readonly cooldown_in_s?: number;
  } | null;
  readonly please_pull_rpc_fails: boolean;
}

interface Trace {
  readonly error: string | null;
  readonly outcome_label: string;
  readonly dht_false_empty: number;
  readonly topk_probe_hit: number;
  readonly dht_lookups: number;
  readonly expansion_reasons: readonly string[] | null;
  readonly takeover_kinds: readonly string[] | null;
  readonly rank_mismatch_ranks: readonly number[];
  readonly ranks_queried_all_passes: readonly number[];
  readonly please_pull: readonly { readonly kind: string; readonly rank?: number; readonly via: string }[];
  readonly providers?: readonly string[];
}

interface Vector {
  readonly name: string;
  readonly input: Input;
  readonly reference: Trace;
  readonly reference_second_call_same_instant?: {
    readonly error: string;
    readonly new_queries: number;
    readonly outcome_label: string;
  };
  readonly required_difference?: {
    readonly outcome_label?: string;
    readonly please_pull_rank?: number;
    readonly please_pull_ranks_in_order?: readonly number[];
    readonly resolution?: string;
  };
}

const { cases } = loadVectors<{ cases: readonly Vector[] }>('coldstart');

const ERRORS: Readonly<Record<string, string>> = {
  FAILURE_SHORT_CIRCUIT: 'FAILURE_SHORT_CIRCUIT',
  COOLDOWN_ACTIVE: 'COOLDOWN_ACTIVE',
  EXHAUSTED: 'CASCADE_EXHAUSTED',
};
const OUTCOMES: Readonly<Record<string, PleasePullResult['outcome']>> = {
  ALREADY_PULLING: 'already_pulling',
  RECENTLY_FAILED: 'recently_failed',
  UNSPECIFIED: 'unspecified',
  OTHER_DIGEST: 'started',
};
const LABELS = { manifest: 'manifest', config: 'config', blob: 'layer' } as const;

function harnessOf(input: Input): CascadeHarness {
  const harness = new CascadeHarness({
    self: input.self,
    nodes: input.cluster.map((id) => clusterNode(id)),
    digest: input.digest,
    isLocalWired: input.local_pull_wired,
    settings: {
      hrwK: input.hrw_k,
      expansionFactor: input.topk_expansion_factor,
      partialTransfer: false,
      followOwnPull: false,
      ...(input.trusted_classes === undefined ? {} : { trustedClasses: input.trusted_classes }),
    },
  });
  harness.health = input.dht_health;
  harness.lookups = (input.dht_provider_counts_per_lookup ?? []).map((count) =>
    Array.from({ length: count }, (_, index) => ({
      nodeId: `provider-${index}`,
      addr: `provider-${index}:5001`,
    })),
  );
  const intent = (vector: IntentVector, rank: number): PullIntent =>
    answer(vector, rank, harness.clock.now());
  input.hrw_order.forEach((id, rank) => {
    const isLost = input.unreachable_ranks?.some((lost) => lost === -1 || lost === rank) === true;
    const vector = id === input.self ? input.local_intent : input.intents_by_rank[rank];
    harness.intents.set(id, async () => {
      if (isLost) throw new Error('unreachable');
      return intent(vector ?? {}, rank);
    });
    harness.pleases.set(id, async () => {
      if (input.please_pull_rpc_fails) throw new Error('no answer');
      return reply(input, harness.clock.now());
    });
  });
  return harness;
}

function answer(vector: IntentVector, rank: number, now: number): PullIntent {
  const { started_ago_s, cooldown_in_s, reported_rank } = vector;
  return idle({
    hasCached: vector.has_cached ?? false,
    inFlight: vector.in_flight ?? false,
    rank: reported_rank ?? rank,
    recentlyFailed: vector.recently_failed ?? false,
    failureClass: vector.class ?? '',
    ...(started_ago_s === undefined ? {} : { startedAt: now - started_ago_s * 1_000 }),
    ...(cooldown_in_s === undefined ? {} : { cooldownUntil: now + cooldown_in_s * 1_000 }),
  });
}

function reply({ please_pull_reply: vector, digest }: Input, now: number): PleasePullResult {
  const cooldown = vector?.cooldown_in_s;
  return {
    digest: vector?.outcome === 'OTHER_DIGEST' ? testDigest(0) : digest,
    outcome: OUTCOMES[vector?.outcome ?? ''] ?? 'started',
    failureClass: vector?.class ?? '',
    startedAt: now,
    ...(cooldown === undefined ? {} : { cooldownUntil: now + cooldown * 1_000 }),
  };
}

/** The trace that is required: that of the reference, with the differences that the specification asks for. */
function required({ input, reference, required_difference: difference }: Vector): Trace {
  const asked = difference?.please_pull_ranks_in_order ?? difference?.please_pull_rank;
  const ranks = asked === undefined ? undefined : [asked].flat();
  const isNowStalled = difference?.outcome_label === 'rule7_cold_start';
  return {
    ...reference,
    ...(ranks === undefined
      ? {}
      : { please_pull: ranks.map((rank) => ({ kind: input.kind, rank, via: 'rpc' })) }),
    // A pull that only we find stalled is taken over, and its node is no hit of the probe.
    ...(isNowStalled
      ? {
          outcome_label: difference.outcome_label as string,
          takeover_kinds: [LABELS[input.kind]],
          topk_probe_hit: 0,
        }
      : {}),
    // Each call that failed is followed by one more look at the node.
    ...(input.please_pull_rpc_fails
      ? {
          ranks_queried_all_passes: [...reference.ranks_queried_all_passes, ...new Set(ranks)].toSorted(
            (a, b) => a - b,
          ),
        }
      : {}),
  };
}

async function resolve(
  harness: CascadeHarness,
  input: Input,
): Promise<{ readonly error: string | null; readonly resolution?: Resolution }> {
  const { kind, registry, repository, expected_size } = input;
  try {
    const request = { kind, registry, repository, expectedSize: expected_size };
    return { error: null, resolution: await harness.resolve(request) };
  } catch (error) {
    return { error: errorCode(error) ?? String(error) };
  }
}

function traced(harness: CascadeHarness, input: Input): Omit<Trace, 'error' | 'providers'> {
  const hits = harness.topic('coldstart.probe-hit');
  const orNull = <T>(items: readonly T[]): readonly T[] | null => (items.length === 0 ? null : items);
  return {
    outcome_label: harness.outcomes[0] as string,
    dht_false_empty: hits.filter(({ rule }) => rule === 2).length,
    topk_probe_hit: hits.length,
    dht_lookups: harness.lookupCount,
    expansion_reasons: orNull(harness.topic('coldstart.expanded').map(({ reason }) => reason)),
    takeover_kinds: orNull(harness.topic('coldstart.takeover').map(({ kind }) => LABELS[kind])),
    rank_mismatch_ranks: harness.topic('hrw.mismatch').map(({ node }) => input.hrw_order.indexOf(node)),
    ranks_queried_all_passes: harness.ranks('intent').toSorted((a, b) => a - b),
    please_pull: harness.calls.flatMap((call) => {
      if (call === 'local please') return [{ kind: input.kind, via: 'local' }];
      if (!call.startsWith('please ')) return [];
      return [{ kind: input.kind, rank: input.hrw_order.indexOf(call.slice(7)), via: 'rpc' }];
    }),
  };
}

describe('traces of the cascade', () => {
  it.each(cases)('$name', async (vector) => {
    const { input } = vector;
    const { error: expectedError, providers, ...expected } = required(vector);
    const harness = harnessOf(input);
    expect(harness.order).toEqual(input.hrw_order);
    const { error, resolution } = await resolve(harness, input);
    expect(error).toBe(expectedError === null ? null : ERRORS[expectedError]);
    expect(traced(harness, input)).toEqual(expected);
    if (vector.required_difference?.resolution === 'local') {
      expect(resolution?.how).toBe('local');
    } else if (providers !== undefined) {
      expect(resolution).toMatchObject({
        how: 'providers',
        outcome: expected.outcome_label,
        providers: providers.map((text) => ({ nodeId: text.split('|')[0], addr: text.split('|')[1] })),
      });
    }
    await checkSecondCall(vector, harness);
  });

  it.each(cases.filter(({ name }) => /^self is rank 0|self only$/.test(name)))(
    'follows the own pump where it may: $name',
    async ({ input, reference }) => {
      const harness = new CascadeHarness({
        self: input.self,
        nodes: input.cluster.map((id) => clusterNode(id)),
        digest: input.digest,
        isLocalWired: true,
      });
      expect(await harness.resolve()).toEqual({ how: 'own-pull', outcome: reference.outcome_label });
      expect(harness.lookupCount).toBe(0);
    },
  );
});

async function checkSecondCall(vector: Vector, harness: CascadeHarness): Promise<void> {
  const expected = vector.reference_second_call_same_instant;
  if (expected === undefined) return;
  const queries = harness.ranks('intent').length;
  const { error } = await resolve(harness, vector.input);
  expect(error).toBe(ERRORS[expected.error]);
  expect(harness.outcomes[1]).toBe(expected.outcome_label);
  expect(harness.ranks('intent').length - queries).toBe(expected.new_queries);
}
