import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

async function pair() {
  const fleet = new PoolFleet();
  const [steady, other] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
  const node = await fleet.node({ seeds: [steady.info] });
  node.agent.consider(other.info, 'test');
  await fleet.members.settle();
  return { fleet, steady, other, node };
}

describe('outcomes of heartbeats (11.3)', () => {
  it('DEF-5: give a silent indexer no uptime and no better latency, and evict it at the third time', async () => {
    const { fleet, other, node } = await pair();
    await fleet.pass(60);
    const before = node.agent.entry(other.peer);
    other.script = () => undefined;
    await fleet.pass(28);
    const silent = node.agent.entry(other.peer);
    expect(silent).toMatchObject({
      silent: 1,
      rttMs: before?.rttMs,
      lastSeen: before?.lastSeen,
      consecutiveFails: 0,
    });
    expect(silent?.evidence['totalOnlineMs']).toBe(before?.evidence['totalOnlineMs']);
    await fleet.pass(50);
    expect(node.agent.has(other.peer)).toBe(false);
    expect(happened(node, 'pool.evicted')).toMatchObject([{ peer: other.peer, reason: 'failed' }]);
  });

  it('DEF-7: discard a late answer instead of taking it for the next', async () => {
    const { fleet, other, node } = await pair();
    const stream = other.streams[0];
    if (stream === undefined) throw new Error('no stream');
    await stream.write(
      { fill_rate: 0.9, peer_count: 90, max_nodes: 100, born_at: '', seq: 1 },
      { timeoutMs: 1 },
    );
    await fleet.pass(22);
    expect(node.agent.entry(other.peer)?.fillRate).toBe(0.4);
    expect(happened(node, 'heartbeat.outcome').filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  it('DEF-4: close only the stream of the one that failed', async () => {
    const { fleet, steady, other, node } = await pair();
    fleet.members.network.isolate(other.peer);
    await fleet.pass(25);
    expect(node.agent.has(other.peer)).toBe(false);
    expect(steady.streams).toHaveLength(1);
    expect(node.member.overlay.opened.filter(({ hasEnded }) => !hasEnded)).toHaveLength(1);
    expect(node.agent.entry(steady.peer)?.isHealthy).toBe(true);
  });

  it('take a stream that broke between two heartbeats for no failure', async () => {
    const { fleet, other, node } = await pair();
    other.streams[0]?.reset();
    await fleet.pass(22);
    expect(other.streams).toHaveLength(2);
    expect(node.agent.entry(other.peer)).toMatchObject({ isHealthy: true, consecutiveFails: 0 });
  });

  it('take a reset in the middle of a heartbeat for silence when a new stream opens, and for a failure when none does', async () => {
    const { fleet, other, node } = await pair();
    other.script = () => 'reset';
    await fleet.pass(22);
    expect(node.agent.entry(other.peer)).toMatchObject({ silent: 1, consecutiveFails: 0 });
    other.script = () => {
      fleet.members.network.isolate(other.peer);
      return 'reset';
    };
    await fleet.pass(22);
    expect(node.agent.has(other.peer)).toBe(false);
  });

  it('DEF-2: end the stream at a frame that cannot be read, and count it as a failure', async () => {
    const { fleet, other, node } = await pair();
    other.script = () => ({ fill_rate: 'much' });
    await fleet.pass(22);
    expect(node.agent.has(other.peer)).toBe(false);
    expect(happened(node, 'heartbeat.outcome')).toContainEqual({
      peer: other.peer,
      outcome: 'failed',
      code: 'FRAME_MALFORMED',
    });
  });

  it('count nothing against an indexer that finds our score too low', async () => {
    const { fleet, other, node } = await pair();
    other.script = () => ({ error: { code: 'low_score', message: '31.8 < 35.0' } });
    await fleet.pass(62);
    expect(node.agent.entry(other.peer)).toMatchObject({ consecutiveFails: 0, isHealthy: false });
    expect(other.heartbeats.length).toBeGreaterThanOrEqual(4);
  });

  it('leave a full indexer alone for five minutes, and take its suggestions', async () => {
    const { fleet, steady, other, node } = await pair();
    const [third] = fleet.indexers(1) as [ScriptedIndexer];
    other.script = () => ({ error: { code: 'full', message: 'no slot' }, suggestions: [third.info] });
    await fleet.pass(22);
    expect(node.agent.has(third.peer)).toBe(true);
    const beats = other.heartbeats.length;
    await fleet.pass(250, 1_000);
    expect(other.heartbeats.length).toBe(beats);
    await fleet.pass(80, 1_000);
    expect(other.heartbeats.length).toBeGreaterThan(beats);
    expect(node.agent.entry(steady.peer)?.isHealthy).toBe(true);
  });

  it('come back when a rate limit has run out, and not before', async () => {
    const { fleet, other } = await pair();
    other.script = () => ({ error: { code: 'rate_limited', message: 'slowly', retry_after: 45 } });
    await fleet.pass(21);
    const refusedAt = other.received.at(-1)?.at ?? 0;
    other.script = () => ({});
    await fleet.pass(60);
    const next = other.received.find(({ at }) => at > refusedAt);
    expect((next?.at ?? 0) - refusedAt).toBeGreaterThanOrEqual(45_000);
    expect((next?.at ?? 0) - refusedAt).toBeLessThan(50_000);
  });

  it('hear the notice of an indexer that shuts down: where to go, at once', async () => {
    const { fleet, steady, other, node } = await pair();
    const [third] = fleet.indexers(1) as [ScriptedIndexer];
    node.agent.consider(third.info, 'test');
    await fleet.members.settle();
    const [fourth] = fleet.indexers(1) as [ScriptedIndexer];
    const notice = {
      fill_rate: 0.4,
      peer_count: 40,
      max_nodes: 100,
      born_at: other.bornAt,
      suggest_migrate: true,
      suggestions: [fourth.info],
    };
    await other.streams[0]?.write(notice, { timeoutMs: 1 });
    await steady.streams[0]?.write({ ...notice, suggestions: [] }, { timeoutMs: 1 });
    await fleet.members.settle();
    expect(node.agent.has(other.peer)).toBe(false);
    expect(node.agent.entry(fourth.peer)?.isHealthy).toBe(true);
    // A seed that is restarted stays one.
    expect(node.agent.entry(steady.peer)?.isSeed).toBe(true);
  });
});
