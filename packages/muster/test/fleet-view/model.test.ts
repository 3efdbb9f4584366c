import { applyDelta, type FleetState, type PullView, stateOf, VIEW_LIMITS } from '@muster/dashboard';
import { describe, expect, it } from 'vitest';
import { FleetModel, HAPPENINGS_PER_DELTA } from '../../src/fleet-view/model/fleet-model.ts';
import type { PeerFact, ScoreFact, ViewInput } from '../../src/fleet-view/model/inputs.ts';
import { GONE_SHOWN_MS, SEEN_STEP_MS } from '../../src/fleet-view/model/peer-book.ts';

const START = 1_000_000;

/** A model, and a reader that has followed it from the beginning. */
class Bench {
  readonly model = new FleetModel({ title: 'fleet', version: '0.0.0', firstSeq: 0 });
  state: FleetState;
  now = START;

  constructor() {
    this.state = stateOf(this.model.snapshot(this.now));
  }

  take(...inputs: readonly ViewInput[]): this {
    for (const input of inputs) this.model.take(input, this.now);
    return this;
  }

  source(
    id: string,
    kind: 'registry' | 'overlay' | 'mirror' | 'supervisor',
    state: 'ok' | 'failed' = 'ok',
  ): this {
    return this.take({ type: 'source', id, kind, address: `${id}:1`, state });
  }

  peers(source: string, ...facts: readonly PeerFact[]): this {
    return this.take({ type: 'peers', source, facts, isComplete: false });
  }

  /** Lets the reader have what has changed; a snapshot of now must say the same. */
  read(): FleetState {
    for (let delta = this.model.delta(this.now); delta !== undefined; delta = this.model.delta(this.now)) {
      const after = applyDelta(this.state, delta);
      if (after === undefined) throw new Error('the deltas have a gap');
      this.state = after;
    }
    const { peers, scores, pulls, sources, series } = stateOf(this.model.snapshot(this.now));
    expect(this.state.peers).toEqual(peers);
    expect(this.state.scores).toEqual(scores);
    expect(this.state.pulls).toEqual(pulls);
    expect(this.state.sources).toEqual(sources);
    expect(this.state.series).toEqual(series);
    return this.state;
  }

  pass(ms: number): this {
    this.now += ms;
    this.model.tick(this.now);
    return this;
  }

  stateOf(id: string): string | undefined {
    return this.read().peers.get(id)?.state;
  }
}

const registered = (nodeId: number, peerId: string | undefined, more: Partial<PeerFact> = {}): PeerFact => ({
  key: String(nodeId),
  nodeId,
  ...(peerId === undefined ? {} : { peerId }),
  state: 'online',
  ...more,
});

const self = (peerId: string, more: Partial<PeerFact> = {}): PeerFact => ({
  key: peerId,
  peerId,
  state: 'online',
  isSelf: true,
  ...more,
});

describe('who is the same', () => {
  it('puts together what all sources say of one peer id, each where it is believed', () => {
    const bench = new Bench().source('r', 'registry').source('a', 'overlay').source('s', 'supervisor');
    bench.peers('s', {
      key: 'alpha',
      name: 'alpha-process',
      peerId: 'P',
      pid: 7,
      state: 'online',
      roles: ['node'],
    });
    bench.peers('a', self('P', { name: 'calls-itself', address: '/ip4/1', links: ['I'], tags: ['mine'] }));
    bench.peers(
      'r',
      registered(3, 'P', { name: 'alpha', tags: ['node'], networks: [0, 1], address: '10.0.0.1:9' }),
    );
    expect([...bench.read().peers.values()]).toEqual([
      {
        id: 'P',
        name: 'alpha',
        roles: ['node'],
        state: 'online',
        peerId: 'P',
        nodeId: 3,
        address: '/ip4/1',
        tags: ['node'],
        networks: [0, 1],
        sources: ['overlay', 'registry', 'supervisor'],
        links: ['I'],
        pid: 7,
      },
    ]);
  });

  it('finds a peer by its node id when a source knows no peer id', () => {
    const bench = new Bench().source('r', 'registry').source('q', 'registry');
    bench
      .peers('r', registered(3, 'P', { name: 'alpha' }))
      .peers('q', registered(3, undefined, { tags: ['x'] }));
    expect([...bench.read().peers.keys()]).toEqual(['P']);
    bench.peers('q', registered(4, undefined));
    expect([...bench.read().peers.keys()]).toEqual(['P', 'registry:4']);
  });

  it('moves what a source says when it learns the peer id', () => {
    const bench = new Bench().source('s', 'supervisor').source('r', 'registry');
    bench.peers('s', { key: 'alpha', name: 'alpha', state: 'stale' });
    expect([...bench.read().peers.keys()]).toEqual(['process:alpha']);
    bench.peers('s', { key: 'alpha', name: 'alpha', peerId: 'P', state: 'online' });
    expect([...bench.read().peers.keys()]).toEqual(['P']);
  });

  it('keeps two peers apart that carry the same name', () => {
    const bench = new Bench().source('r', 'registry');
    bench.peers('r', registered(1, 'P', { name: 'same' }), registered(2, 'Q', { name: 'same' }));
    expect([...bench.read().peers.keys()]).toEqual(['P', 'Q']);
  });
});

describe('how a peer is', () => {
  it('is unreachable when only sources that do not answer know it, and keeps its name', () => {
    const bench = new Bench().source('r', 'registry').peers('r', registered(1, 'P', { name: 'alpha' }));
    expect(bench.stateOf('P')).toBe('online');
    bench.source('r', 'registry', 'failed');
    expect(bench.stateOf('P')).toBe('unreachable');
    expect(bench.read().peers.get('P')?.name).toBe('alpha');
    bench.source('r', 'registry');
    expect(bench.stateOf('P')).toBe('online');
  });

  it('is what its own answer says, though the registry is silent, and the other way round', () => {
    const bench = new Bench().source('r', 'registry').source('a', 'overlay');
    bench.peers('r', registered(1, 'P')).peers('a', self('P')).source('r', 'registry', 'failed');
    expect(bench.stateOf('P')).toBe('online');
    bench.source('r', 'registry').source('a', 'overlay', 'failed');
    expect(bench.stateOf('P')).toBe('unreachable');
  });

  it('is gone when its supervisor has ended it, whatever others still believe', () => {
    const bench = new Bench().source('s', 'supervisor').source('i', 'overlay').source('r', 'registry');
    bench.peers('r', registered(1, 'P')).peers('i', { key: 'P', peerId: 'P', state: 'online' });
    bench.peers('s', { key: 'alpha', name: 'alpha', peerId: 'P', state: 'gone' });
    expect(bench.stateOf('P')).toBe('gone');
    bench.pass(10 * GONE_SHOWN_MS);
    expect(bench.stateOf('P')).toBe('gone');
  });

  it('is stale when its indexer has lost sight of it, though the registry has not yet', () => {
    const bench = new Bench().source('i', 'overlay').source('r', 'registry');
    bench.peers('r', registered(1, 'P')).peers('i', { key: 'P', peerId: 'P', state: 'online' });
    bench.take({ type: 'peers-gone', source: 'i', keys: ['P'] });
    expect(bench.stateOf('P')).toBe('stale');
    bench.pass(2 * GONE_SHOWN_MS);
    expect(bench.stateOf('P')).toBe('stale');
  });

  it('is stale when the registry has not seen it for long, and fresh again after a sign of life', () => {
    const bench = new Bench().source('r', 'registry');
    const fact = registered(1, 'P', { lastSeenAt: START });
    bench.take({ type: 'peers', source: 'r', facts: [fact], isComplete: true, staleAfterMs: 60_000 });
    expect(bench.stateOf('P')).toBe('online');
    bench.pass(61_000);
    expect(bench.stateOf('P')).toBe('stale');
    bench.take({ type: 'peers-seen', source: 'r', seen: [['1', bench.now]] });
    expect(bench.stateOf('P')).toBe('online');
  });

  it('is shown for a while when it has left, then not any more', () => {
    const bench = new Bench().source('r', 'registry').peers('r', registered(1, 'P'), registered(2, 'Q'));
    bench.take({ type: 'peers', source: 'r', facts: [registered(2, 'Q')], isComplete: true });
    expect(bench.stateOf('P')).toBe('gone');
    bench.source('r', 'registry', 'failed');
    expect(bench.stateOf('P')).toBe('gone');
    bench.pass(GONE_SHOWN_MS);
    expect(bench.stateOf('P')).toBeUndefined();
    expect(bench.model.sizes.peers).toBe(1);
  });

  it('goes with the last source that knew it', () => {
    const bench = new Bench().source('r', 'registry').peers('r', registered(1, 'P'));
    bench.read();
    bench.take({ type: 'source-removed', id: 'r' });
    expect(bench.read().peers.size).toBe(0);
    expect(bench.model.sizes).toMatchObject({ peers: 0, sources: 0 });
  });

  it('does not tell signs of life alone more often than is needed', () => {
    const bench = new Bench().source('r', 'registry').peers('r', registered(1, 'P', { lastSeenAt: START }));
    bench.read();
    bench.take({ type: 'peers-seen', source: 'r', seen: [['1', START + 1_000]] });
    expect(bench.model.delta(bench.now)).toBeUndefined();
    bench.take({ type: 'peers-seen', source: 'r', seen: [['1', START + SEEN_STEP_MS]] });
    expect(bench.model.delta(bench.now)?.peers).toHaveLength(1);
  });
});

describe('what happens', () => {
  it('tells of processes that fall silent and come back, with names for ids', () => {
    const bench = new Bench().source('a', 'overlay').peers('a', self('P', { name: 'alpha' }));
    bench.read();
    bench.source('a', 'overlay', 'failed').read();
    bench.source('a', 'overlay').read();
    bench.take({
      type: 'happening',
      severity: 'info',
      text: '{0} met {1} and {2}',
      mentions: ['P', 'unknown'],
    });
    expect(bench.read().happenings.map(({ text, severity }) => [severity, text])).toEqual([
      ['info', 'alpha met unknown and {2}'],
      ['info', 'alpha is back'],
      ['warning', 'alpha does not answer'],
      ['info', 'alpha is there'],
    ]);
  });

  it('shows no control characters of strangers', () => {
    const bench = new Bench().source('r', 'registry');
    bench.peers(
      'r',
      registered(1, 'P', { name: 'a\u001b[2J\u0007\u202eb', tags: ['\nx'], address: '\u009b1m' }),
    );
    const peer = bench.read().peers.get('P');
    expect([peer?.name, peer?.tags, peer?.address]).toEqual(['a�[2J��b', ['�x'], '�1m']);
  });
});

describe('scores', () => {
  const score = (more: Partial<ScoreFact> = {}): ScoreFact => ({
    observer: 'A',
    subject: 'I',
    score: 50,
    minimum: 20,
    standing: 'in pool',
    terms: [{ name: 'uptime', value: 1, weight: 0.2, evidence: 'answers 3' }],
    ...more,
  });
  const told = (scores: readonly ScoreFact[], isComplete = true): ViewInput => ({
    type: 'scores',
    source: 'a',
    scores,
    isComplete,
  });

  it('keep their history, and say why an indexer was put out', () => {
    const bench = new Bench().source('a', 'overlay').take(told([score()]));
    bench.read();
    for (const value of [51, 52]) bench.pass(5_000).take(told([score({ score: value })]));
    bench
      .pass(1_000)
      .take(told([score({ standing: 'evicted', reason: 'lied', terms: [] })], false), told([]));
    expect(bench.read().scores.get('A/I')).toMatchObject({
      standing: 'evicted',
      reason: 'lied',
      terms: [{ name: 'uptime' }],
      history: [
        [START, 50],
        [START + 5_000, 51],
        [START + 10_000, 52],
        [START + 11_000, 50],
      ],
    });
    bench.pass(200_000);
    expect(bench.read().scores.size).toBe(0);
  });

  it('are bounded in number and in history', () => {
    const bench = new Bench().source('a', 'overlay');
    for (let round = 0; round < VIEW_LIMITS.scoreHistory + 20; round++) {
      bench.pass(5_000).take(told([score({ score: round % 2 })]));
    }
    expect(bench.read().scores.get('A/I')?.history).toHaveLength(VIEW_LIMITS.scoreHistory);
    const many = Array.from({ length: VIEW_LIMITS.scores + 10 }, (_, index) =>
      score({ subject: `I${index}` }),
    );
    bench.take(told(many));
    expect(bench.read().scores.size).toBeLessThanOrEqual(VIEW_LIMITS.scores);
  });
});

describe('pulls and figures', () => {
  const pull = (id: string, more: Partial<PullView> = {}): PullView => ({
    id,
    digest: 'sha256:0',
    kind: 'blob',
    mirror: 'M',
    state: 'running',
    received: 0,
    sources: [],
    startedAt: START,
    ...more,
  });

  it('keeps the newest pulls, and fails those of a mirror that has fallen silent', () => {
    const bench = new Bench().source('m', 'mirror');
    const many = Array.from({ length: VIEW_LIMITS.pulls + 20 }, (_, index) =>
      pull(`p${index}`, { state: 'done', startedAt: START + index }),
    );
    bench.take({ type: 'pulls', source: 'm', pulls: [pull('running', { startedAt: 1 }), ...many] });
    expect(bench.read().pulls.size).toBe(VIEW_LIMITS.pulls);
    bench.source('m', 'mirror', 'failed');
    expect(bench.read().pulls.get('running')).toMatchObject({ state: 'failed', endedAt: START });
  });

  it('plots by how much totals grow, summed, over restarts, and nothing of who does not answer', () => {
    const bench = new Bench().source('m', 'mirror').source('n', 'mirror');
    const count = (source: string, total: number): ViewInput => ({
      type: 'counter',
      source,
      series: 'pulls.origin-bytes',
      total,
    });
    bench.take(count('m', 1_000), count('n', 0)).pass(1_000);
    bench.take(count('m', 1_500), count('n', 100)).pass(1_000);
    bench.take(count('m', 200)).pass(1_000);
    bench.read();
    bench.source('m', 'mirror', 'failed').source('n', 'mirror', 'failed').pass(1_000);
    expect(
      bench
        .read()
        .series.get('pulls.origin-bytes')
        ?.points.map(([, value]) => value),
    ).toEqual([600, 200]);
    for (let index = 0; index < VIEW_LIMITS.points + 10; index++) {
      bench.source('m', 'mirror').take(count('m', index)).pass(1_000);
    }
    expect(bench.read().series.get('pulls.origin-bytes')?.points).toHaveLength(VIEW_LIMITS.points);
  });
});

describe('bounds', () => {
  it('lists as many peers as it may, and says how many there are beyond', () => {
    const bench = new Bench().source('r', 'registry');
    const facts = Array.from({ length: VIEW_LIMITS.peers + 500 }, (_, index) =>
      registered(index + 1, `P${index}`),
    );
    bench.take({ type: 'peers', source: 'r', facts, isComplete: false, total: 50_000 });
    const state = bench.read();
    expect(state.peers.size).toBe(VIEW_LIMITS.peers);
    expect(state.unlistedPeers).toBe(30_000);
  });

  it('spreads a flood over deltas, and leaves out what nobody can read', () => {
    const bench = new Bench().source('r', 'registry');
    for (let index = 0; index < 5_000; index++) {
      bench.take({ type: 'happening', severity: 'info', text: `event ${index}` });
    }
    const delta = bench.model.delta(bench.now);
    expect(delta?.happenings).toHaveLength(HAPPENINGS_PER_DELTA);
    expect(delta?.happenings?.[0]?.text).toBe('event 4999');
    expect(bench.model.sizes.happenings).toBe(VIEW_LIMITS.happenings);
  });

  it('ignores what unknown sources say', () => {
    const bench = new Bench();
    bench.peers('nobody', registered(1, 'P'));
    bench.take({ type: 'gauge', source: 'nobody', series: 'registry.online', value: 1 });
    bench.pass(1_000);
    expect(bench.model.delta(bench.now)).toBeUndefined();
  });

  it('10,000 peers with 1,000 changes a second: within a budget of bytes, and nothing grows', () => {
    const bench = new Bench().source('r', 'registry');
    const fact = (index: number, round: number): PeerFact =>
      registered(index + 1, `12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUr${index}`, {
        name: `node-${index}`,
        tags: ['node', `round-${round}`],
        networks: [0, 1],
        address: `10.0.${index >> 8}.${index & 255}:4000`,
        lastSeenAt: bench.now,
      });
    const all = Array.from({ length: 10_000 }, (_, index) => fact(index, 0));
    bench.take({ type: 'peers', source: 'r', facts: all, isComplete: true, total: 10_000 });
    bench.read();
    let bytes = 0;
    for (let round = 1; round <= 10; round++) {
      for (let tenth = 0; tenth < 10; tenth++) {
        const facts = Array.from({ length: 100 }, (_, index) => fact(tenth * 1_000 + index, round));
        bench.take({ type: 'peers', source: 'r', facts, isComplete: false });
        bench.now += 100;
        bytes += JSON.stringify(bench.model.delta(bench.now)).length;
      }
      bench.model.tick(bench.now);
    }
    expect(bytes / 10).toBeLessThan(500_000);
    expect(bench.model.sizes.peers).toBe(10_000);
  });
});
