import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { probeCandidate } from '../../src/pool/candidate-probe.ts';
import { PoolState } from '../../src/pool/pool-state.ts';
import { PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

function setting() {
  const fleet = new PoolFleet();
  const [candidate] = fleet.indexers(1) as [ScriptedIndexer];
  const state = new PoolState({ ...fleet.members.member(), random: seededRandom(1) }, 5);
  return { fleet, candidate, state };
}

describe('the probe of a candidate (14.5)', () => {
  it('brings its figures, and leaves no stream', async () => {
    const { candidate, state, fleet } = setting();
    expect(await probeCandidate(state, candidate.info)).toEqual({
      isConnected: true,
      rttMs: 0,
      fillRate: 0.4,
    });
    await fleet.members.settle();
    expect(candidate.streams.every((stream) => 'hasEnded' in stream && stream.hasEnded)).toBe(true);
  });

  it('shows who cannot be reached', async () => {
    const { candidate, state, fleet } = setting();
    fleet.members.network.isolate(candidate.peer);
    expect(await probeCandidate(state, candidate.info)).toMatchObject({ isConnected: false });
  });

  it('gives up after five seconds without an answer', async () => {
    const { candidate, state, fleet } = setting();
    candidate.script = () => undefined;
    let figures: unknown;
    void probeCandidate(state, candidate.info).then((result) => (figures = result));
    await fleet.pass(4.5);
    expect(figures).toBeUndefined();
    await fleet.pass(1);
    expect(figures).toEqual({ isConnected: true, rttMs: 0, fillRate: undefined });
  });

  it('does not want one that is full or refuses', async () => {
    const { candidate, state } = setting();
    candidate.script = () => ({ error: { code: 'banned', message: 'go' } });
    expect(await probeCandidate(state, candidate.info)).toBeUndefined();
    candidate.script = () => ({ fill_rate: 1 });
    expect(await probeCandidate(state, candidate.info)).toBeUndefined();
  });
});
