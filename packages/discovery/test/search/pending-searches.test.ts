import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckedHit } from '../../src/search/hits.ts';
import { SeenHits } from '../../src/search/hits.ts';
import { PendingSearches } from '../../src/search/pending-searches.ts';
import { TestFleet, verifiedOf } from '../support/members.ts';

const limits = {
  perRequester: 2,
  total: 4,
  queueBatches: 16,
  framesPerSender: 5,
  idleMs: 5_000,
  maxMs: 60_000,
};
const someRecord = new TestFleet().member().record();

function hit(name: string, isVerified = true): CheckedHit {
  return {
    hit: { peer_id: name, did: `did-${name}`, name },
    verified: isVerified ? verifiedOf(someRecord) : undefined,
  };
}

describe('PendingSearches', () => {
  it('bounds the searches of one requester and of all', () => {
    const pending = new PendingSearches(limits);
    expect(pending.open('q1', 'a', 0)).toBe('opened');
    expect(pending.open('q2', 'a', 0)).toBe('opened');
    expect(pending.open('q3', 'a', 0)).toBe('too-many');
    expect(pending.open('q3', 'b', 0)).toBe('opened');
    expect(pending.open('q4', 'c', 0)).toBe('opened');
    expect(pending.open('q5', 'd', 0)).toBe('too-many');
    pending.close('q1', 1);
    expect(pending.open('q5', 'a', 1)).toBe('opened');
  });

  it('DEF-61: a query id in use can not be taken by another, nor its search ended', () => {
    const pending = new PendingSearches(limits);
    pending.open('q', 'a', 0);
    expect(pending.open('q', 'b', 0)).toBe('duplicate');
    expect(pending.offer('q', [hit('x')])).toBe('queued');
    expect(pending.take('q', 0)).toHaveLength(1);
  });

  it('DEF-63: keeps 16 batches, drops the oldest and counts it', () => {
    const pending = new PendingSearches(limits);
    pending.open('q', 'a', 0);
    for (let batch = 0; batch < 20; batch++) pending.offer('q', [hit(`n${batch}`)]);
    const names: (string | undefined)[] = [];
    for (let next = pending.take('q', 0); next !== undefined; next = pending.take('q', 0)) {
      names.push(next[0]?.name);
    }
    expect(names).toEqual(Array.from({ length: 16 }, (_, index) => `n${index + 4}`));
    expect(pending.close('q', 10)).toEqual({ hits: 16, droppedBatches: 4, ms: 10 });
  });

  it('DEF-60: unverified hits wait behind verified ones, and give way first', () => {
    const pending = new PendingSearches({ ...limits, queueBatches: 2 });
    pending.open('q', 'a', 0);
    pending.offer('q', [hit('hearsay', false)]);
    pending.offer('q', [hit('one')]);
    pending.offer('q', [hit('two')]);
    expect(pending.take('q', 0)?.map(({ name }) => name)).toEqual(['one']);
    expect(pending.take('q', 0)?.map(({ name }) => name)).toEqual(['two']);
    expect(pending.take('q', 0)).toBeUndefined();
    expect(pending.close('q', 0).droppedBatches).toBe(1);
  });

  it('takes 5 frames of a sender for a query', () => {
    const pending = new PendingSearches(limits);
    pending.open('q', 'a', 0);
    pending.open('r', 'a', 0);
    const counted = Array.from({ length: 6 }, () => pending.countFrame('q', 'liar'));
    expect(counted).toEqual([...Array.from({ length: 5 }, () => 'counted'), 'too-many-frames']);
    expect(pending.countFrame('q', 'other')).toBe('counted');
    expect(pending.countFrame('r', 'liar')).toBe('counted');
    expect(pending.countFrame('gone', 'liar')).toBe('late');
  });

  it('restarts the idle time-out with every batch that is taken, up to the cap', () => {
    const pending = new PendingSearches(limits);
    pending.open('q', 'a', 0);
    expect(pending.deadline('q')).toEqual({ at: 5_000, reason: 'idle' });
    pending.offer('q', [hit('x')]);
    expect(pending.deadline('q')).toEqual({ at: 5_000, reason: 'idle' });
    pending.take('q', 4_000);
    expect(pending.deadline('q')).toEqual({ at: 9_000, reason: 'idle' });
    pending.offer('q', [hit('y')]);
    pending.take('q', 58_000);
    expect(pending.deadline('q')).toEqual({ at: 60_000, reason: 'limit' });
    pending.close('q', 58_000);
    expect(pending.deadline('q')).toBeUndefined();
  });

  it('sends each peer once, also when several indexers report it', () => {
    const pending = new PendingSearches(limits);
    pending.open('q', 'a', 0);
    expect(pending.offer('q', [hit('x'), hit('x'), hit('y')])).toBe('queued');
    expect(pending.offer('q', [hit('x')])).toBe('nothing-new');
    expect(pending.take('q', 0)?.map(({ name }) => name)).toEqual(['x', 'y']);
    expect(pending.offer('late', [hit('x')])).toBe('late');
  });

  it('never mixes queries, and never holds more than its bounds', () => {
    const query = fc.constantFrom('q1', 'q2', 'q3');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('open' as const), query }),
      fc.record({ kind: fc.constant('offer' as const), query, n: fc.nat(400), isVerified: fc.boolean() }),
      fc.record({ kind: fc.constant('take' as const), query }),
      fc.record({ kind: fc.constant('close' as const), query }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pending = new PendingSearches(limits);
        const waiting = new Map<string, number>();
        for (const one of steps) {
          if (one.kind === 'open' && pending.open(one.query, one.query, 0) === 'opened')
            waiting.set(one.query, 0);
          if (one.kind === 'close') pending.close(one.query, 0);
          if (one.kind === 'offer') pending.offer(one.query, [hit(`${one.query}/${one.n}`, one.isVerified)]);
          if (one.kind === 'take') {
            for (const found of pending.take(one.query, 0) ?? []) {
              expect(found.name.startsWith(`${one.query}/`)).toBe(true);
            }
          }
        }
        for (const one of ['q1', 'q2', 'q3']) {
          let batches = 0;
          while (pending.take(one, 0) !== undefined) batches += 1;
          expect(batches).toBeLessThanOrEqual(limits.queueBatches);
        }
      }),
    );
  });
});

describe('SeenHits', () => {
  it('DEF-60: a false hit that comes first does not hide the verified one', () => {
    const seen = new SeenHits(10);
    expect(seen.isNew(hit('x', false))).toBe(true);
    expect(seen.isNew(hit('x', false))).toBe(false);
    expect(seen.isNew(hit('x'))).toBe(true);
    expect(seen.isNew(hit('x'))).toBe(false);
    expect(seen.isNew(hit('x', false))).toBe(false);
  });

  it('tells peers apart by DID when there is no peer id', () => {
    const seen = new SeenHits(10);
    const nameless = (did: string): CheckedHit => ({
      hit: { peer_id: '', did, name: '' },
      verified: undefined,
    });
    expect([nameless('a'), nameless('b'), nameless('a')].map((one) => seen.isNew(one))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is bounded', () => {
    const seen = new SeenHits(2);
    expect(['a', 'b', 'c'].map((name) => seen.isNew(hit(name, false)))).toEqual([true, true, false]);
    expect(seen.isFull).toBe(true);
    expect(seen.isNew(hit('a'))).toBe(true);
  });
});
