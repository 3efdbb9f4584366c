import { describe, expect, it } from 'vitest';
import {
  applyDelta,
  type FleetDelta,
  type FleetSnapshot,
  type PeerView,
  pullsNewestFirst,
  type PullView,
  stateOf,
  VIEW_LIMITS,
} from '../../src/index.ts';

const peer = (id: string, name = id): PeerView => ({
  id,
  name,
  roles: ['node'],
  state: 'online',
  tags: [],
  networks: [],
  sources: ['overlay'],
  links: [],
});

const pull = (id: string, startedAt: number): PullView => ({
  id,
  digest: 'sha256:00',
  kind: 'blob',
  mirror: 'm',
  state: 'running',
  received: 0,
  sources: [],
  startedAt,
});

const snapshot = (part: Partial<FleetSnapshot> = {}): FleetSnapshot => ({
  protocol: 1,
  seq: 7,
  at: 1_000,
  title: 'fleet',
  version: '0.0.0',
  peers: [peer('a'), peer('b')],
  scores: [],
  pulls: [],
  series: [{ id: 's', label: 'S', unit: '1/s', points: [[1, 1]] }],
  sources: [],
  happenings: [],
  unlistedPeers: 0,
  ...part,
});

const delta = (part: Partial<FleetDelta> = {}): FleetDelta => ({ seq: 8, at: 1_100, ...part });

describe('applyDelta', () => {
  it('replaces, adds and removes whole entries', () => {
    const after = applyDelta(
      stateOf(snapshot()),
      delta({ peers: [peer('a', 'renamed'), peer('c')], removedPeers: ['b'] }),
    );
    expect([...(after?.peers.values() ?? [])].map(({ id, name }) => [id, name])).toEqual([
      ['a', 'renamed'],
      ['c', 'c'],
    ]);
    expect(after?.seq).toBe(8);
  });

  it('leaves the state before as it was, and shares what has not changed', () => {
    const before = stateOf(snapshot());
    const after = applyDelta(before, delta({ peers: [peer('c')] }));
    expect([...before.peers.keys()]).toEqual(['a', 'b']);
    expect(after?.series).toBe(before.series);
    expect(after?.scores).toBe(before.scores);
    expect(after?.happenings).toBe(before.happenings);
  });

  it('ignores what it contains already, and refuses a gap', () => {
    const before = stateOf(snapshot());
    expect(applyDelta(before, delta({ seq: 7, removedPeers: ['a'] }))).toBe(before);
    expect(applyDelta(before, delta({ seq: 9 }))).toBeUndefined();
  });

  it('appends points to series that it knows, and keeps the newest', () => {
    const many = Array.from({ length: VIEW_LIMITS.points }, (_, index) => [index + 2, 0] as const);
    const after = applyDelta(stateOf(snapshot()), delta({ points: { s: many, unknown: [[1, 1]] } }));
    expect([...(after?.series.keys() ?? [])]).toEqual(['s']);
    expect(after?.series.get('s')?.points).toHaveLength(VIEW_LIMITS.points);
    expect(after?.series.get('s')?.points[0]).toEqual([2, 0]);
  });

  it('keeps to the limits whatever the sender does', () => {
    const pulls = Array.from({ length: VIEW_LIMITS.pulls + 5 }, (_, index) => pull(`p${index}`, index));
    const happenings = Array.from({ length: VIEW_LIMITS.happenings + 5 }, (_, index) => ({
      seq: index,
      at: index,
      severity: 'info' as const,
      text: 'x',
    }));
    const after = applyDelta(stateOf(snapshot()), delta({ pulls, happenings }));
    expect(after?.pulls.size).toBe(VIEW_LIMITS.pulls);
    expect(after?.happenings).toHaveLength(VIEW_LIMITS.happenings);
  });

  it('lists new happenings before those that it has', () => {
    const before = stateOf(snapshot({ happenings: [{ seq: 1, at: 1, severity: 'info', text: 'old' }] }));
    const after = applyDelta(
      before,
      delta({ happenings: [{ seq: 2, at: 2, severity: 'error', text: 'new' }] }),
    );
    expect(after?.happenings.map(({ text }) => text)).toEqual(['new', 'old']);
  });
});

describe('pullsNewestFirst', () => {
  it('orders by the time of the start', () => {
    const state = stateOf(snapshot({ pulls: [pull('a', 1), pull('c', 3), pull('b', 3)] }));
    expect(pullsNewestFirst(state).map(({ id }) => id)).toEqual(['b', 'c', 'a']);
  });
});
