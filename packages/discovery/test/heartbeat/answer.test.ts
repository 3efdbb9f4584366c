import { describe, expect, it } from 'vitest';
import { testPeer } from '../support/identities.ts';
import { answer, BORN_AT, SELF, testEntry } from '../support/pool-models.ts';

const TICK = 20_000;
const OWN = { peers: [SELF, testPeer(2)], did: undefined };
const seen = (lastSeen: number) => [
  { peer_id: SELF, found: true, last_seen: new Date(lastSeen).toISOString() },
  { peer_id: testPeer(2), found: false },
];

describe('an answer (11.5)', () => {
  it('DEF-1: is kept in the one live entry: uptime, counters, fill rate, born_at and score', () => {
    const entry = testEntry();
    for (let i = 1; i <= 6; i += 1) answer(entry, i * TICK, { fill_rate: 0.4 });
    expect(entry.view(6 * TICK, false)).toMatchObject({
      isHealthy: true,
      fillRate: 0.4,
      bornAt: BORN_AT,
      rttMs: 200,
      evidence: { answers: 6, fillChecked: 6, fillConsistent: 6, totalOnlineMs: 5 * TICK },
    });
    // Uptime 5/6, latency 0.95, free capacity 0.6, the rest full.
    expect(entry.score).toBeCloseTo(100 * (0.2 * (5 / 6) + 0.2 + 0.15 * 0.95 + 0.06 + 0.1 + 0.15 + 0.1), 10);
  });

  it('ends what failures and silence had begun', () => {
    const entry = testEntry();
    Object.assign(entry, { consecutiveFails: 2, silent: 2, isUnusable: true });
    answer(entry, TICK);
    expect(entry).toMatchObject({ consecutiveFails: 0, silent: 0, isUnusable: false, isResponding: true });
  });

  it('DEF-8: does not take the time of a DHT lookup for the latency', () => {
    const entry = testEntry();
    answer(entry, TICK, {}, { rttMs: 100 });
    answer(
      entry,
      2 * TICK,
      { dht_found: true, dht_payload: {} },
      { rttMs: 3_000, challenges: { peers: [], did: 'd' } },
    );
    expect(entry.rttMs).toBe(100);
    expect(entry.latency).toBeCloseTo(0.975, 10);
  });

  it('counts a change of born_at, once, and not an absent one', () => {
    const entry = testEntry();
    answer(entry, TICK);
    answer(entry, 2 * TICK, { born_at: '' });
    answer(entry, 3 * TICK, { born_at: '0001-01-01T00:00:00Z' });
    expect(entry.bornAtChanges).toBe(0);
    const { suspicions } = answer(entry, 4 * TICK, { born_at: '2026-02-01T00:00:00.000Z' });
    expect(suspicions).toEqual(['born_at changed']);
    answer(entry, 5 * TICK, { born_at: '2026-02-01T00:00:00Z' });
    expect(entry.bornAtChanges).toBe(1);
    expect(entry.terms(5 * TICK).restartPenalty).toBeCloseTo(0.7, 10);
  });

  it('DEF-52: forgives one restart a day', () => {
    const entry = testEntry();
    for (let i = 0; i < 5; i += 1) answer(entry, i, { born_at: `2026-01-0${i + 1}T00:00:00.000Z` });
    expect(entry.score).toBe(0);
    const day = 86_400_000;
    answer(entry, day + 5, { born_at: '2026-01-05T00:00:00.000Z' });
    expect(entry.bornAtChanges).toBe(3);
    answer(entry, 4 * day + 5, { born_at: '2026-01-05T00:00:00.000Z' });
    expect(entry.bornAtChanges).toBe(0);
  });

  it('notices figures that contradict one another, and fill rates that jump', () => {
    const entry = testEntry();
    answer(entry, TICK, { fill_rate: 0.1, peer_count: 10 });
    const { observations, suspicions } = answer(entry, 2 * TICK, { fill_rate: 0.6, peer_count: 10 });
    expect(observations).toContainEqual({ kind: 'fill', isGood: false });
    expect(suspicions).toEqual(['fill rate jumped']);
    expect(entry.fill.ratio).toBe(0.5);
  });
});

describe('an own-id challenge (11.5.6)', () => {
  it.each([
    ['seen just now', seen(TICK), true],
    ['seen 119 s ago', seen(TICK - 119_000), true],
    ['seen 120 s ago', seen(TICK - 120_000), false],
    ['not found', [{ peer_id: SELF, found: false }], false],
    ['found at no time', [{ peer_id: SELF, found: true }], false],
    ['left out', [{ peer_id: testPeer(2), found: true, last_seen: new Date(TICK).toISOString() }], false],
    ['not answered', undefined, false],
  ])('%s', (_case, challenges, isGood) => {
    const entry = testEntry();
    const found = answer(entry, TICK, challenges === undefined ? {} : { challenges }, { challenges: OWN });
    expect(entry.challenge).toEqual({ checked: 1, good: isGood ? 1 : 0 });
    expect([entry.evidence.ok, entry.evidence.failed]).toEqual(isGood ? [1, 0] : [0, 1]);
    expect(found.observations).toContainEqual({ kind: 'own-challenge', isGood });
    expect(found.suspicions).toEqual(isGood ? [] : ['own id denied']);
  });

  it("DEF-53: is judged by the indexer's clock when it tells the time", () => {
    const entry = testEntry();
    const hour = 3_600_000;
    answer(entry, hour, { challenges: seen(TICK), ts: TICK + 1_000 }, { challenges: OWN });
    expect(entry.challenge.good).toBe(1);
  });

  it('counts nothing that was not asked', () => {
    const entry = testEntry();
    answer(entry, TICK, { challenges: [{ peer_id: SELF, found: false }] });
    expect(entry.challenge.checked).toBe(0);
  });
});

describe('a DHT challenge (11.5.7)', () => {
  const DID = { peers: [], did: 'd' };
  const found = { dht_found: true, dht_payload: {} };

  it('is passed with our record', () => {
    const entry = testEntry();
    expect(answer(entry, TICK, found, { challenges: DID }).hasFailedDhtChallenge).toBe(false);
    expect(entry.dht).toEqual({ checked: 1, good: 1 });
    expect(entry.evidence.ok).toBe(1);
  });

  it.each(['missing', 'invalid'] as const)(
    'DEF-47: is failed when the record is %s, whatever it says',
    (verdict) => {
      const entry = testEntry();
      const overrides = verdict === 'missing' ? { dht_found: false } : found;
      const result = answer(entry, TICK, overrides, { challenges: DID, judgeOwnRecord: () => verdict });
      expect(result).toMatchObject({ hasFailedDhtChallenge: true, suspicions: [`own record ${verdict}`] });
      expect(entry.dht).toEqual({ checked: 1, good: 0 });
      // Whose fault it is, our own lookup tells.
      expect(entry.evidence.failed).toBe(0);
    },
  );

  it('convicts at once with a forged record', () => {
    const entry = testEntry();
    answer(entry, TICK, found, { challenges: DID, judgeOwnRecord: () => 'forged' });
    expect(entry.evidence.verdict(TICK, 600_000)).toMatch(/forged/);
  });

  it('is asked again when the indexer is busy, and failed at the second time in a row (8.3)', () => {
    const entry = testEntry();
    expect(answer(entry, TICK, { dht_busy: true }, { challenges: DID }).hasFailedDhtChallenge).toBe(false);
    expect(entry.dht.checked).toBe(0);
    expect(entry.isDhtChallengeForced).toBe(true);
    expect(answer(entry, 2 * TICK, { dht_busy: true }, { challenges: DID }).hasFailedDhtChallenge).toBe(true);
    expect(entry.dht).toEqual({ checked: 1, good: 0 });
  });

  it('forgets that the indexer was busy once it answers', () => {
    const entry = testEntry();
    answer(entry, TICK, { dht_busy: true }, { challenges: DID });
    answer(entry, 2 * TICK, found, { challenges: DID });
    answer(entry, 3 * TICK, { dht_busy: true }, { challenges: DID });
    expect(entry.dht).toEqual({ checked: 1, good: 1 });
  });
});

describe('cached_score (24.4, 24.6)', () => {
  it('is compared from the tenth answer on', () => {
    const entry = testEntry();
    const low = { cached_score: 0.1 };
    for (let i = 1; i < 10; i += 1) expect(answer(entry, i * TICK, low).suspicions).toEqual([]);
    expect(answer(entry, 10 * TICK, low).suspicions).toEqual(['cached_score differs from our score']);
    expect(entry.confidence.beta).toBe(1.5);
    expect(answer(entry, 11 * TICK, { cached_score: 0.85 }).suspicions).toEqual([]);
  });
});
