import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyFleet, peer, smallFleet } from '../../../../benchmarks/dashboard/lab/fleets.ts';
import { type Live, lost, NOTHING_YET, receive, retryDelayMs } from '../../page/model/live.ts';

function started(): Live {
  const received = receive(NOTHING_YET, 'snapshot', JSON.stringify(smallFleet(50_000)), 1_000);
  if (received.kind !== 'changed') throw new Error(received.kind);
  return received.live;
}

describe('what is received', () => {
  it('begins with a snapshot, and knows how the clocks differ', () => {
    const live = started();
    expect(live.link).toEqual({ phase: 'live' });
    expect(live.skewMs).toBe(49_000);
    expect(live.fleet?.peers.size).toBe(12);
  });

  it('goes on with deltas', () => {
    const delta = { seq: 13, at: 51_000, peers: [peer('new')], removedPeers: ['process:origin'] };
    const received = receive(started(), 'delta', JSON.stringify(delta), 2_000);
    expect(received).toMatchObject({ kind: 'changed', isSnapshot: false, removedPeers: ['process:origin'] });
    if (received.kind !== 'changed') return;
    expect(received.peers.map(({ id }) => id)).toEqual(['new']);
    expect(received.live.fleet?.peers.has('process:origin')).toBe(false);
  });

  it('asks for everything again after a gap, and passes over what it knows', () => {
    expect(receive(started(), 'delta', '{"seq":15,"at":1}', 1).kind).toBe('gap');
    expect(receive(started(), 'delta', '{"seq":12,"at":1}', 1).kind).toBe('ignored');
    expect(receive(NOTHING_YET, 'delta', '{"seq":1,"at":1}', 1).kind).toBe('gap');
    expect(receive(started(), 'gossip', '{}', 1).kind).toBe('ignored');
  });

  it('says which peers a later snapshot does not have any more', () => {
    const received = receive(started(), 'snapshot', JSON.stringify(emptyFleet(1)), 1);
    expect(received).toMatchObject({ kind: 'changed', isSnapshot: true, peers: [] });
    if (received.kind === 'changed') expect(received.removedPeers.length).toBe(12);
  });

  it('refuses another protocol and keeps what it had', () => {
    const received = receive(started(), 'snapshot', '{"protocol":2}', 1);
    expect(received).toMatchObject({ kind: 'mismatch', live: { link: { phase: 'mismatch', theirs: '2' } } });
    if (received.kind === 'mismatch') expect(received.live.fleet?.peers.size).toBe(12);
  });

  it('leaves out peers that are none', () => {
    const snapshot = {
      ...emptyFleet(1),
      peers: [
        peer('a'),
        null,
        7,
        { id: 'b' },
        { ...peer('c'), tags: 'x' },
        { ...peer('d'), state: 'constructor' },
        { ...peer('e'), tags: [1] },
      ],
    };
    const received = receive(NOTHING_YET, 'snapshot', JSON.stringify(snapshot), 1);
    expect(received).toMatchObject({ kind: 'changed', peers: [{ id: 'a' }] });
  });

  it.each([
    ['snapshot', 'not json'],
    ['snapshot', '[]'],
    ['snapshot', '{"protocol":1}'],
    ['snapshot', JSON.stringify({ ...emptyFleet(1), peers: 'many' })],
    ['snapshot', JSON.stringify({ ...emptyFleet(1), seq: 'x' })],
    ['delta', 'null'],
    ['delta', '{}'],
    ['delta', '{"seq":13,"at":5,"sources":7}'],
  ])('calls a bad %s malformed: %s', (type, data) => {
    expect(receive(started(), type, data, 1)).toMatchObject({ kind: 'malformed' });
  });

  it('never throws', () => {
    const live = started();
    fc.assert(
      fc.property(
        fc.constantFrom('snapshot', 'delta'),
        fc.json(),
        (type, json) => void receive(live, type, json, 1),
      ),
    );
    fc.assert(
      fc.property(fc.object(), (value) => {
        void receive(live, 'delta', JSON.stringify({ seq: 13, at: 1, ...value }), 1);
      }),
    );
  });
});

describe('a lost connection', () => {
  it('keeps what is known, and since when it is old', () => {
    const once = lost(started(), 'gone', 1, 3_000, 2_000);
    const twice = lost(once, 'still gone', 2, 9_000, 8_000);
    expect(twice.link).toEqual({
      phase: 'waiting',
      attempt: 2,
      retryAt: 9_000,
      since: 1_000,
      problem: 'still gone',
    });
    expect(twice.fleet?.peers.size).toBe(12);
  });

  it('waits longer each time, but not for ever', () => {
    expect([1, 2, 3, 6, 60].map((attempt) => retryDelayMs(attempt, 1))).toEqual([
      500, 1_000, 2_000, 10_000, 10_000,
    ]);
    expect(retryDelayMs(1, 0)).toBe(400);
  });
});
