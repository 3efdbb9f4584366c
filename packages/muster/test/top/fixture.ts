import { type FleetSnapshot, type PeerView, stateOf } from '@muster/dashboard';
import { initialTop, type TopState } from '../../src/top/top-state.ts';

/** 2026-03-04T05:06:07Z */
export const NOW = Date.parse('2026-03-04T05:06:07Z');

export const peer = (id: string, more: Partial<PeerView> = {}): PeerView => ({
  id,
  name: id,
  roles: ['node'],
  state: 'online',
  tags: [],
  networks: [0],
  sources: ['registry'],
  links: [],
  ...more,
});

export const SNAPSHOT: FleetSnapshot = {
  protocol: 1,
  seq: 1,
  at: NOW,
  title: 'lab',
  version: '0.0.0',
  peers: [
    peer('P1', { name: 'alpha', nodeId: 1, lastSeenAt: NOW - 4_000, address: '10.0.0.1:4001' }),
    peer('P2', { name: 'indexer-1', roles: ['indexer'], state: 'unreachable', nodeId: 2, tags: ['indexer'] }),
    peer('P3', { name: 'mirror-1', roles: ['mirror'], state: 'gone', lastSeenAt: NOW - 600_000 }),
  ],
  scores: [
    {
      id: 'P1/P2',
      observer: 'P1',
      subject: 'P2',
      score: 41.5,
      minimum: 50,
      standing: 'in pool',
      terms: [
        { name: 'uptime', value: 1, weight: 0.2, evidence: 'share of the time: answers 12' },
        { name: 'challenge', value: 0.25, weight: 0.25, evidence: 'right answers: challengesCorrect 1' },
      ],
      history: [
        [NOW - 9_000, 90],
        [NOW - 5_000, 60],
        [NOW, 41.5],
      ],
    },
  ],
  pulls: [
    {
      id: 'P3/sha256:ab/1',
      digest: `sha256:${'ab'.repeat(32)}`,
      kind: 'blob',
      mirror: 'P3',
      state: 'running',
      size: 10_000_000,
      received: 2_500_000,
      sources: [
        { from: 'origin', bytes: 2_000_000 },
        { from: 'P1', bytes: 500_000 },
      ],
      startedAt: NOW - 1_000,
    },
  ],
  series: [
    { id: 'registry.requests', label: 'Requests', unit: '1/s', points: [[NOW, 12]] },
    { id: 'pulls.origin-bytes', label: 'Origin', unit: 'B/s', points: [[NOW, 2_000_000]] },
  ],
  sources: [
    { id: 'registry', kind: 'registry', address: '127.0.0.1:1', state: 'ok', since: NOW },
    { id: 'status:indexer-1', kind: 'overlay', address: '127.0.0.1:2', state: 'failed', since: NOW },
  ],
  durability: { mode: 'batch', logBytes: 12_345, appliedSeq: 9, durableSeq: 9, lastSyncAt: NOW - 3_000 },
  happenings: [{ seq: 1, at: NOW - 60_000, severity: 'warning', text: 'indexer-1 does not answer' }],
  unlistedPeers: 0,
};

export function topOf(snapshot: FleetSnapshot = SNAPSHOT, more: Partial<TopState> = {}): TopState {
  return {
    ...initialTop('http://127.0.0.1:1/'),
    connection: { kind: 'connected' },
    fleet: stateOf(snapshot),
    ...more,
  };
}
