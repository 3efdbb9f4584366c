import { describe, expect, it } from 'vitest';
import { indexerHarness, settle } from '../support/indexer-harness.ts';

describe('clean-up (12.7)', () => {
  it('DEF-57: an expired node leaves nothing behind but the memory of its strikes', async () => {
    const { node, agent, advance, referenced, suggestions, eventsOf, behaviour } = indexerHarness({
      settings: { maxNodes: 1 },
    });
    suggestions.push({ ID: node(90).peer, Addrs: ['/ip4/192.0.2.90/tcp/4001'] });
    const peer = node(1);
    expect((await peer.beat({ referent: true })).suggest_migrate).toBe(true);
    behaviour.strike(peer.peer, 1, 'bad frame');
    expect(referenced.size).toBe(1);
    expect(agent.counts()).toMatchObject({ records: 1, streams: 1, probes: 1, background: 1, offload: 1 });
    await advance(121_000, 1_000);
    expect(agent.table.size).toBe(0);
    await advance(30_000, 1_000);
    expect(eventsOf('record.removed')).toEqual([{ peer: peer.peer, reason: 'expired' }]);
    expect(referenced.size).toBe(0);
    expect(agent.counts()).toMatchObject({ records: 0, streams: 0, probes: 0, background: 0, offload: 0 });
    expect(agent.counts()['behaviour']).toBe(1);
  });

  it('ends the stream of an expired node that is only silent', async () => {
    const { node, agent, advance } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    await advance(15_000);
    // Probes are heartbeats that do not keep a record alive.
    for (let i = 0; i < 7; i++) {
      await peer.beat({ probe: true });
      await advance(20_000);
    }
    expect(agent.table.size).toBe(0);
    expect(agent.counts()['streams']).toBe(0);
  });

  it('logs the DIDs that it knows every hour', async () => {
    const { node, clock, logger } = indexerHarness();
    const peer = node(1);
    clock.advance(3_599_000);
    await peer.beat();
    clock.advance(1_000);
    expect(logger.entries.filter(({ message }) => message === 'nodes known to this indexer')).toMatchObject([
      { level: 'info', fields: { nodes: 1, dids: [peer.did] } },
    ]);
  });
});

describe('a blacklisted peer', () => {
  it('is gone at once, stream and all', async () => {
    const { node, agent, referenced, forgotten, eventsOf } = indexerHarness();
    const peer = node(1);
    await peer.beat({ referent: true });
    agent.drop(peer.peer);
    await settle();
    await expect(peer.stream.read({ timeoutMs: 1, maxBytes: 10 })).rejects.toMatchObject({
      code: 'STREAM_RESET',
    });
    expect(agent.counts()).toMatchObject({ records: 0, streams: 0, probes: 0, background: 0, guard: 0 });
    expect(referenced.size).toBe(0);
    expect(forgotten).toEqual([peer.peer]);
    expect(eventsOf('record.removed')).toEqual([{ peer: peer.peer, reason: 'blacklisted' }]);
  });

  it('comes back in by no answer that was still under way', async () => {
    const { node, agent, dht } = indexerHarness();
    let release: () => void = () => {};
    dht.hold = new Promise((resolve) => {
      release = resolve;
    });
    const peer = node(1);
    await peer.open();
    await peer.send(peer.heartbeat({ challenge_did: peer.did }));
    agent.drop(peer.peer);
    release();
    await settle();
    expect(agent.counts()).toMatchObject({ records: 0, streams: 0, probes: 0, background: 0 });
    expect(dht.puts).toEqual([]);
  });
});

describe('shutdown (5.4)', () => {
  it('tells every node to move, with suggestions, and new streams that it stops', async () => {
    const { node, agent, suggestions } = indexerHarness();
    suggestions.push({ ID: node(90).peer, Addrs: ['/ip4/192.0.2.90/tcp/4001'] });
    const nodes = [node(1), node(2)];
    for (const peer of nodes) await peer.beat();
    const prober = node(3);
    await prober.beat({ probe: true });
    await agent.stop();
    for (const peer of nodes) {
      const notice = await peer.answer();
      expect(notice).toMatchObject({ suggest_migrate: true, peer_count: 2 });
      expect(notice).not.toHaveProperty('seq');
      expect(notice.suggestions?.map(({ ID }) => ID)).toEqual([node(90).peer]);
      expect(await peer.hasEnded()).toBe(true);
    }
    expect(await prober.hasEnded()).toBe(true);
    const late = node(4);
    await late.open();
    expect((await late.answer()).error?.code).toBe('shutting_down');
  });

  it('leaves no timer behind', async () => {
    const { node, agent, advance, saved, abort, logger } = indexerHarness();
    await node(1).beat();
    await agent.stop();
    abort.abort();
    await settle();
    const before = saved.length;
    await advance(3_700_000, 100_000);
    expect(saved).toHaveLength(before);
    expect(logger.entries.filter(({ message }) => message.startsWith('nodes known'))).toEqual([]);
  });

  it('ends its loops with the signal of the daemon, without a stop', async () => {
    const { node, agent, abort } = indexerHarness();
    await node(1).beat();
    abort.abort(new Error('over'));
    await settle();
    expect(agent.counts()['streams']).toBe(0);
  });
});

describe('peers of the last run', () => {
  it('are saved as dates, and forgotten when they are too old', async () => {
    const { node, saved, clock, advance } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    await advance(15_000);
    await peer.beat();
    const seenAt = clock.now();
    await advance(15_000);
    expect(saved.at(-1)).toEqual([{ peer: peer.peer, seenAt }]);
    await advance(600_000, 10_000);
    expect(saved.at(-1)).toEqual([]);
  });

  it('are not needed to start', async () => {
    const { node } = indexerHarness();
    expect((await node(1).beat()).error).toBeUndefined();
  });
});

it(
  'M-14: ten thousand peers leave bounded state, and nothing after an hour',
  { timeout: 120_000 },
  async () => {
    const maxNodes = 20;
    const harness = indexerHarness({ settings: { maxNodes, admissionMode: 'off' } });
    const { node, agent, advance, network } = harness;
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      const peer = node(i);
      // The same record for all: whether it is refused as relayed or never looked at, the peer is another one.
      const { record: _, ...bare } = { ...peer.heartbeat({ record: undefined }) };
      await peer.open();
      await peer.send(i % 3 === 0 ? bare : { ...bare, probe: true, seq: i });
      peer.lose();
      await peer.overlay.stop();
      if (i % 50 === 0) await advance(1_000);
      const counts = agent.counts();
      most = Math.max(most, ...Object.values(counts));
      expect(counts['records']).toBeLessThanOrEqual(maxNodes);
      expect(counts['streams']).toBeLessThanOrEqual(maxNodes + 64);
    }
    expect(network.members()).toHaveLength(10_001);
    expect(most).toBeLessThanOrEqual(10 * maxNodes);
    await advance(3_600_000, 60_000);
    expect(agent.counts()).toEqual({
      records: 0,
      streams: 0,
      behaviour: 0,
      pins: 0,
      guard: 0,
      probes: 0,
      background: 0,
      offload: 0,
    });
  },
);
