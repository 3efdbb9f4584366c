import { describe, expect, it } from 'vitest';
import { indexerHarness, settle } from '../support/indexer-harness.ts';

describe('DEF-8: slow work comes after the answer', () => {
  it('answers while a put and a probe hang', async () => {
    const { node, dht, network, agent } = indexerHarness();
    dht.hold = new Promise(() => {});
    const peer = node(1);
    network.mute(peer.peer);
    for (let i = 0; i < 3; i++) expect((await peer.beat({ referent: true })).error).toBeUndefined();
    expect(agent.table.size).toBe(1);
    expect(dht.puts).toHaveLength(1);
  });
});

describe('republishing (12.6)', () => {
  it('DEF-36: of five indexers only the referent puts again, every 50 s', async () => {
    const { node, dht, advance } = indexerHarness();
    const [led, other] = [node(1), node(2)];
    for (let tick = 0; tick < 16; tick++) {
      await led.beat({ referent: true });
      await other.beat();
      await advance(20_000, 5_000);
    }
    const putsOf = (peer: string): number => dht.puts.filter(({ peer_id }) => peer_id === peer).length;
    // 320 s: at 0, 60, 120, 180, 240, 300 s.
    expect(putsOf(led.peer)).toBe(6);
    expect(putsOf(other.peer)).toBe(1);
  });

  it('DEF-36: puts what has changed, and not what only has a new expiry', async () => {
    const { node, dht, advance } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    await advance(20_000);
    await peer.beat();
    expect(dht.puts).toHaveLength(1);
    await advance(20_000);
    await peer.beat({ record: peer.record({ name: 'renamed' }) });
    expect(dht.puts.map(({ name }) => name)).toEqual(['node-1', 'renamed']);
  });

  it('DEF-36: a peer that keeps reconnecting does not cause puts', async () => {
    const { node, dht, advance } = indexerHarness();
    const peer = node(1);
    for (let i = 0; i < 3; i++) {
      await peer.beat();
      peer.lose();
      await advance(15_000);
    }
    expect(dht.puts).toHaveLength(1);
    await advance(10_000);
    await peer.beat();
    expect(dht.puts).toHaveLength(2);
  });

  it('tries again with the next heartbeat when the put has failed', async () => {
    const { node, dht, advance } = indexerHarness();
    dht.putResult = { node: false, pid: true };
    const peer = node(1);
    await peer.beat({ referent: true });
    await advance(20_000);
    await peer.beat({ referent: true });
    expect(dht.puts).toHaveLength(2);
  });

  it('DEF-38: puts wait in line, one for each node, and never hold up a heartbeat', async () => {
    const { node, dht, agent } = indexerHarness({ settings: { maxConnPerWindow: 100 } });
    let release: () => void = () => {};
    dht.hold = new Promise((resolve) => {
      release = resolve;
    });
    const nodes = Array.from({ length: 30 }, (_, i) => node(i + 1));
    for (const peer of nodes) expect((await peer.beat({ referent: true })).error).toBeUndefined();
    for (const peer of nodes) expect((await peer.beat({ referent: true })).error).toBeUndefined();
    expect(dht.puts).toHaveLength(16);
    expect(agent.table.size).toBe(30);
    release();
    await settle();
    expect(dht.puts).toHaveLength(30);
    expect(new Set(dht.puts.map(({ peer_id }) => peer_id)).size).toBe(30);
  });

  it('fetches the record of a node that sends none but has published one, and does not put it', async () => {
    const { node, dht, agent, clock, advance } = indexerHarness();
    const peer = node(1);
    const record = peer.record();
    const verified = { record, expiresAt: clock.now() + 120_000 };
    const { record: _, ...bare } = peer.heartbeat();
    const beatBare = async (): Promise<void> => {
      await peer.send(bare);
      await peer.answer();
    };
    await peer.open();
    await beatBare();
    expect(dht.byDidCalls).toBe(0);
    agent.table.notePublished(peer.peer, peer.did, { record, expiresAt: clock.now() - 1 });
    dht.byDidResult = verified;
    await beatBare();
    expect(dht.byDidCalls).toBe(1);
    expect(agent.table.get(peer.peer)?.verified).toBe(verified);
    await advance(20_000);
    await beatBare();
    expect(dht.byDidCalls).toBe(1);
    expect(dht.puts).toEqual([]);
  });

  it('asks for a missing record once a minute, and takes none of another peer', async () => {
    const { node, dht, agent, clock, advance } = indexerHarness();
    const peer = node(1);
    const beatBare = async (): Promise<void> => {
      const { record: _, ...bare } = peer.heartbeat();
      await peer.send(bare);
      await peer.answer();
    };
    await peer.open();
    await beatBare();
    const expired = { record: peer.record(), expiresAt: clock.now() - 1 };
    agent.table.notePublished(peer.peer, peer.did, expired);
    dht.byDidResult = { record: node(2).record(), expiresAt: clock.now() + 120_000 };
    for (let tick = 0; tick < 6; tick++) {
      await beatBare();
      await advance(20_000, 5_000);
    }
    expect(dht.byDidCalls).toBe(2);
    expect(agent.table.get(peer.peer)?.verified).toBe(expired);
  });
});

describe('bandwidth probes (12.4)', () => {
  it('measures at the first heartbeat and uses the result from the next one on', async () => {
    const { node, agent, eventsOf, network } = indexerHarness();
    network.echoMs = 40;
    const peer = node(1);
    await peer.beat();
    expect(eventsOf('bandwidth.probed')).toEqual([
      { peer: peer.peer, ok: true, mbps: expect.closeTo(1048.576, 3) },
    ]);
    const before = agent.table.get(peer.peer)?.lastScore ?? 0;
    await peer.beat();
    // All of the 20 points of bandwidth, and latency from 0.5 to more than 0.9.
    expect((agent.table.get(peer.peer)?.lastScore ?? 0) - before).toBeGreaterThan(20 + 15 * 0.4);
  });

  it('sends three small echoes and a large one, of the sizes that are laid down', async () => {
    const { node, overlay } = indexerHarness();
    const sizes: number[] = [];
    overlay.echo = async (_to, bytes) => {
      sizes.push(bytes);
      return 5;
    };
    await node(1).beat();
    expect(sizes).toHaveLength(4);
    const [small] = sizes as [number];
    expect(small).toBeGreaterThanOrEqual(512);
    expect(small).toBeLessThanOrEqual(2048);
    expect(sizes).toEqual([small, small, small, 65_536]);
  });

  it('four probes at once at most; one that gets no answer ends after ten seconds', async () => {
    const { node, network, eventsOf, advance, overlay } = indexerHarness();
    let running = 0;
    let most = 0;
    const echo = overlay.echo.bind(overlay);
    overlay.echo = async (...parameters) => {
      running += 1;
      most = Math.max(most, running);
      return await echo(...parameters).finally(() => (running -= 1));
    };
    const nodes = Array.from({ length: 8 }, (_, i) => node(i + 1));
    for (const { peer } of nodes) network.mute(peer);
    for (const peer of nodes) await peer.beat();
    expect(most).toBe(4);
    expect(running).toBe(4);
    await advance(10_000);
    expect(running).toBe(0);
    expect(eventsOf('bandwidth.probed').map(({ ok }) => ok)).toEqual([false, false, false, false]);
    for (const peer of nodes) await peer.beat();
    expect(running).toBe(4);
    expect(most).toBe(4);
  });
});
