import { describe, expect, it } from 'vitest';
import {
  convergenceTarget,
  HealthScore,
  healthState,
  routingTableTarget,
} from '../../src/health/health-score.ts';
import { loadVectors } from '../support/vectors.ts';

const vectors = loadVectors<{
  scores: readonly {
    readonly name: string;
    readonly rt_size: number;
    readonly rt_target: number;
    readonly latencies_ms: readonly number[] | null;
    readonly self_tests: readonly boolean[] | null;
    readonly score: number;
    readonly state: string;
  }[];
  targets: readonly {
    readonly bootstrap_view_size: number;
    readonly bootstrap_convergence_target_cap5: number;
    readonly required_routing_table_target: number;
  }[];
}>('dht-health');

describe('the health score', () => {
  it.each(vectors.scores)('$name', ({ rt_size, rt_target, latencies_ms, self_tests, score, state }) => {
    const health = new HealthScore();
    for (const ms of latencies_ms ?? []) health.recordLookup(ms, 1_000);
    for (const succeeded of self_tests ?? []) health.recordSelfTest(succeeded);
    const value = health.score({ size: rt_size, target: rt_target }, 1_000);
    expect(value).toBeCloseTo(score, 6);
    expect(healthState(value)).toBe(state);
  });

  it.each(vectors.targets)('targets of a view of $bootstrap_view_size', (vector) => {
    expect(routingTableTarget(vector.bootstrap_view_size)).toBe(vector.required_routing_table_target);
    expect(convergenceTarget(vector.bootstrap_view_size)).toBe(vector.bootstrap_convergence_target_cap5);
  });

  it('forgets lookups after five minutes', () => {
    const health = new HealthScore();
    health.recordLookup(5_000, 0);
    expect(health.score({ size: 0, target: 0 }, 300_000)).toBe(0);
    expect(health.score({ size: 0, target: 0 }, 300_001)).toBe(1);
  });

  it('keeps the newest thousand lookups', () => {
    const health = new HealthScore();
    for (let count = 0; count < 1_000; count++) health.recordLookup(5_000, 0);
    for (let count = 0; count < 1_024; count++) health.recordLookup(50, 0);
    expect(health.score({ size: 0, target: 0 }, 0)).toBe(1);
  });

  it.each([
    [0.7, 'healthy'],
    [0.6999, 'degraded'],
    [0.3, 'degraded'],
    [0.2999, 'unhealthy'],
  ])('%d is %s', (score, state) => expect(healthState(score)).toBe(state));
});
