import { describe, expect, it } from 'vitest';
import { MIB, smallFleet } from '../../../../benchmarks/dashboard/lab/fleets.ts';
import type { HappeningView, SeriesView } from '../../src/protocol/fleet-view.ts';
import { announce, ANNOUNCE_EVERY_MS, SILENT } from '../../page/model/announcer.ts';
import { alignedSeries, plotGroups } from '../../page/model/plots.ts';
import { bytesOf, groupPulls, totalsOf } from '../../page/model/pulls.ts';
import { alignedHistories, pointsOf, trustBySubject } from '../../page/model/trust.ts';

describe('pulls', () => {
  const { pulls } = smallFleet(0);

  it('are grouped by object, with one read from the origin each', () => {
    const groups = groupPulls(pulls);
    expect(groups.map(({ pulls: list, originReaders }) => [list.length, originReaders])).toEqual([
      [4, 1],
      [4, 1],
      [4, 1],
    ]);
    expect(groups[0]).toMatchObject({ running: 1, failed: 1, size: 48 * MIB });
    expect(groups[0]?.bytes).toEqual({ origin: 48 * MIB, peers: (48 + 31 + 9) * MIB, cache: 0 });
  });

  it('are summed up', () => {
    expect(totalsOf(pulls)).toMatchObject({ originReads: 3, objects: 3, pulls: 12, cache: 3 * 1_452 });
    expect(totalsOf([])).toMatchObject({ originReads: 0, objects: 0, origin: 0 });
    expect(
      bytesOf({
        sources: [
          { from: 'origin', bytes: 1 },
          { from: 'someone', bytes: 2 },
          { from: 'cache', bytes: 3 },
        ],
      }),
    ).toEqual({ origin: 1, peers: 2, cache: 3 });
  });
});

describe('trust', () => {
  const { scores } = smallFleet(0);

  it('shows first whom somebody has suspended or evicted, and who did', () => {
    const [liar, honest] = trustBySubject(scores);
    expect(liar).toMatchObject({ suspended: 3, evicted: 1, inPool: 0 });
    expect(liar?.subject.endsWith('indexer-2')).toBe(true);
    expect(liar?.scores.map(({ standing }) => standing)).toEqual([
      'evicted',
      'suspended',
      'suspended',
      'suspended',
    ]);
    expect(liar?.lowest).toBe(Math.min(...(liar?.scores.map(({ score }) => score ?? 0) ?? [])));
    expect(honest).toMatchObject({ suspended: 0, evicted: 0, inPool: 4 });
  });

  it('says how many of the hundred points each term gives', () => {
    const terms = [
      { name: 'a', value: 1, weight: 1, evidence: '' },
      { name: 'b', value: 0.5, weight: 3, evidence: '' },
    ];
    expect(terms.map((term) => pointsOf(term, terms))).toEqual([
      { points: 25, of: 25 },
      { points: 37.5, of: 75 },
    ]);
    expect(pointsOf({ name: 'c', value: 1, weight: 0, evidence: '' }, [])).toEqual({ points: 0, of: 0 });
  });

  it('puts histories of several observers on one axis, on which a score holds until the next', () => {
    const histories = [
      {
        history: [
          [1, 10],
          [3, 30],
        ] as const,
      },
      { history: [[2, 20]] as const },
    ];
    expect(alignedHistories(histories, 9)).toEqual([
      [1, 2, 3, 9],
      [10, 10, 30, 30],
      [null, 20, 20, 20],
    ]);
    expect(alignedHistories([{ history: [] }], 9)).toEqual([[], []]);
  });
});

describe('plots', () => {
  const series = (id: string, label: string, unit = 'ms'): SeriesView => ({
    id,
    label,
    unit,
    points: [
      [1, 1],
      [2, 2],
    ],
  });

  it('draws percentiles of one figure together', () => {
    const groups = plotGroups([
      series('r.latency.p99', 'Latency, p99'),
      series('r.latency.p50', 'Latency, p50'),
      series('r.rate', 'Rate', '1/s'),
    ]);
    expect(groups.map(({ id, label, series: list }) => [id, label, list.length])).toEqual([
      ['r.latency', 'Latency', 2],
      ['r.rate', 'Rate', 1],
    ]);
  });

  it('draws together where bytes of pulls come from', () => {
    const groups = plotGroups(
      ['origin', 'peer', 'cache'].map((from) => series(`pulls.${from}-bytes`, `From ${from}`, 'B/s')),
    );
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ id: 'pulls.bytes', names: ['From cache', 'From origin', 'From peer'] });
  });

  it('leaves out what is older than the window', () => {
    expect(alignedSeries([series('a', 'a')], 2)).toEqual([[2], [2]]);
    expect(alignedSeries([], 0)).toEqual([[]]);
  });
});

describe('announcements', () => {
  const happened = (
    seq: number,
    severity: HappeningView['severity'],
    text = `event ${seq}`,
  ): HappeningView => ({ seq, at: 0, severity, text });

  it('are of what is new and severe, and not more often than every five seconds', () => {
    const first = announce(SILENT, [happened(3, 'error')], 0);
    expect(first.text, 'what was there before').toBeUndefined();
    const second = announce(
      first.announcer,
      [happened(5, 'info'), happened(4, 'warning', 'mirror-4 is silent'), happened(3, 'error')],
      1_000,
    );
    expect(second.text).toBe('mirror-4 is silent');
    const third = announce(second.announcer, [happened(7, 'error'), happened(6, 'error')], 2_000);
    expect(third.text).toBeUndefined();
    const fourth = announce(
      third.announcer,
      [happened(7, 'error'), happened(6, 'error')],
      1_000 + ANNOUNCE_EVERY_MS,
    );
    expect(fourth.text).toBe('event 7 And 1 earlier event.');
  });

  it('begins anew with another server', () => {
    const { announcer } = announce(SILENT, [happened(100, 'info')], 0);
    expect(announce(announcer, [happened(2, 'error')], 10_000).text).toBeUndefined();
  });
});
