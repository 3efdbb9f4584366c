import { describe, expect, it } from 'vitest';
import { type Paint, render, renderPlain } from '../../src/top/render.ts';
import { fit, widthOf } from '../../src/top/text-width.ts';
import { type Pane, PANES, type TopState } from '../../src/top/top-state.ts';
import { NOW, peer, SNAPSHOT, topOf } from './fixture.ts';

const unpainted: Paint = (_style, text) => text;

function screen(state: TopState, columns = 96, rows = 12): readonly string[] {
  const lines = render(state, { columns, rows }, NOW, unpainted);
  expect(lines).toHaveLength(rows);
  for (const line of lines) expect(widthOf(line)).toBe(columns);
  return lines.map((line) => line.trimEnd());
}

describe('the screen', () => {
  it('of the peers', () => {
    expect(screen(topOf())).toMatchInlineSnapshot(`
      [
        "lab  3 peers: 1 online, 1 unreachable, 1 gone                                           05:06:07",
        "registry batch, 9 of 9 durable, log 12.3 kB, synced 3s ago | 12 requests/s | origin 2.0 MB/s | …",
        " Peers 3  Indexers 1  Pulls 1  Events 1",
        "NAME                         ROLES          STATE        SEEN   NODE ADDRESS",
        "alpha                        node           online         4s      1 10.0.0.1:4001",
        "indexer-1                    indexer        unreachable            2",
        "mirror-1                     mirror         gone          10m",
        "",
        "",
        "",
        "",
        "q quit  tab pane  / filter  s sort: name  ↑↓ select                                          1/3",
      ]
    `);
  });

  it('of the indexers, with the terms of the selected score', () => {
    expect(screen(topOf(SNAPSHOT, { pane: 'indexers' }), 110, 16)).toMatchInlineSnapshot(`
      [
        "lab  3 peers: 1 online, 1 unreachable, 1 gone                                                         05:06:07",
        "registry batch, 9 of 9 durable, log 12.3 kB, synced 3s ago | 12 requests/s | origin 2.0 MB/s | no answer: sta…",
        " Peers 3  Indexers 1  Pulls 1  Events 1",
        "OBSERVER                  INDEXER                  SCORE   MIN STANDING  HISTORY      WHY",
        "alpha                     indexer-1                 41.5  50.0 in pool   █▅▄          weakest: challenge 0.25",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "  uptime           1.00 × 0.20  share of the time: answers 12",
        "  challenge        0.25 × 0.25  right answers: challengesCorrect 1",
        "q quit  tab pane  / filter  s sort: score  ↑↓ select                                                       1/1",
      ]
    `);
  });

  it('of the pulls', () => {
    expect(screen(topOf(SNAPSHOT, { pane: 'pulls' }))).toMatchInlineSnapshot(`
      [
        "lab  3 peers: 1 online, 1 unreachable, 1 gone                                           05:06:07",
        "registry batch, 9 of 9 durable, log 12.3 kB, synced 3s ago | 12 requests/s | origin 2.0 MB/s | …",
        " Peers 3  Indexers 1  Pulls 1  Events 1",
        "MIRROR                    KIND     DIGEST       STATE        SIZE  DONE FROM",
        "mirror-1                  blob     abababababa… running   10.0 MB   25% origin 2.0 MB, alpha 50…",
        "",
        "",
        "",
        "",
        "",
        "",
        "q quit  tab pane  / filter  s sort: newest  ↑↓ select                                        1/1",
      ]
    `);
  });

  it('of what happened, with a filter that nothing matches', () => {
    expect(screen(topOf(SNAPSHOT, { pane: 'events', filter: 'zzz', isFiltering: true }), 60, 8))
      .toMatchInlineSnapshot(`
        [
          "lab  3 peers: 1 online, 1 unreachable, 1 gone       05:06:07",
          "registry batch, 9 of 9 durable, log 12.3 kB, synced 3s ago …",
          " Peers 3  Indexers 1  Pulls 1  Events 1   /zzz_",
          "TIME     WHAT",
          "nothing matches",
          "",
          "",
          "type to filter, enter keeps it, esc ends it",
        ]
      `);
  });

  it('when the connection is lost says so, and that what it shows is old', () => {
    const connection = { kind: 'lost', reason: 'nobody listens at the address', since: NOW - 5_000 } as const;
    expect(screen(topOf(SNAPSHOT, { connection }), 96, 8).at(-1)).toBe(
      ' no connection for 5s: nobody listens at the address; what is shown is old; trying again',
    );
  });

  it('before anything has come', () => {
    const state = { ...topOf(), fleet: undefined, connection: { kind: 'connecting' } as const };
    expect(screen(state, 40, 6)).toMatchInlineSnapshot(`
      [
        "http://127.0.0.1:1/             05:06:07",
        "",
        " Peers 0  Indexers 0  Pulls 0  Events 0",
        "NAME          ROLES          STATE",
        "connecting …",
        "q quit  tab pane  / filter  s sort: nam…",
      ]
    `);
  });

  it.each([
    [1, 1],
    [19, 24],
    [80, 3],
    [20, 4],
    [21, 5],
    [500, 200],
  ])('has %d columns and %d rows whatever they are', (columns, rows) => {
    for (const pane of PANES) {
      const lines = render(topOf(SNAPSHOT, { pane }), { columns, rows }, NOW, unpainted);
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(widthOf(line)).toBe(columns);
    }
  });

  it('holds the selected row when there are more than fit', () => {
    const peers = Array.from({ length: 1_000 }, (_, index) => peer(`node-${String(index).padStart(4, '0')}`));
    const selected: string[] = [];
    const paint: Paint = (style, text) => {
      if (style === 'selected') selected.push(text.trim().split(' ')[0] as string);
      return text;
    };
    for (const cursor of [0, 3, 500, 999, 5_000]) {
      const state = topOf(
        { ...SNAPSHOT, peers },
        { cursors: { peers: cursor, indexers: 0, pulls: 0, events: 0 } },
      );
      render(state, { columns: 80, rows: 24 }, NOW, paint);
    }
    expect(selected).toEqual(['node-0000', 'node-0003', 'node-0500', 'node-0999', 'node-0999']);
  });

  it('is sorted as it is wanted', () => {
    const names = (sort: number): readonly string[] =>
      screen(topOf(SNAPSHOT, { sorts: { peers: sort, indexers: 0, pulls: 0, events: 0 } }))
        .slice(4, 7)
        .map((line) => line.split(' ')[0] as string);
    expect([0, 1, 2, 3].map(names)).toEqual([
      ['alpha', 'indexer-1', 'mirror-1'],
      ['indexer-1', 'mirror-1', 'alpha'],
      ['indexer-1', 'mirror-1', 'alpha'],
      ['alpha', 'mirror-1', 'indexer-1'],
    ]);
  });
});

describe('strangers', () => {
  const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n\t\u202eevil\u0000';
  // oxlint-disable-next-line no-control-regex
  const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

  it.each(PANES.map((pane) => [pane]))('cannot put anything but text on the screen: %s', (pane: Pane) => {
    const hostile = {
      ...SNAPSHOT,
      title: HOSTILE,
      peers: [
        peer('P1', {
          name: HOSTILE,
          address: HOSTILE,
          tags: [HOSTILE],
          did: HOSTILE,
          peerId: HOSTILE,
          state: HOSTILE as 'online',
        }),
      ],
      scores: SNAPSHOT.scores.map((score) => ({
        ...score,
        reason: HOSTILE,
        standing: HOSTILE as 'in pool',
        terms: [{ name: HOSTILE, value: 1, weight: 1, evidence: HOSTILE }],
      })),
      pulls: SNAPSHOT.pulls.map((pull) => ({
        ...pull,
        digest: HOSTILE,
        kind: HOSTILE,
        reason: HOSTILE,
        sources: [{ from: HOSTILE, bytes: 1 }],
      })),
      sources: SNAPSHOT.sources.map((source) => ({ ...source, id: HOSTILE, state: 'failed' as const })),
      durability: { ...SNAPSHOT.durability, mode: HOSTILE, logBytes: 1, appliedSeq: 1, durableSeq: 1 },
      happenings: [{ seq: 1, at: NOW, severity: 'info' as const, text: HOSTILE }],
    };
    const states = [
      topOf(hostile, { pane }),
      topOf(hostile, { pane, connection: { kind: 'lost', reason: HOSTILE, since: NOW } }),
      { ...topOf(hostile, { pane, page: HOSTILE }), fleet: undefined },
    ];
    for (const state of states) {
      for (const line of render(state, { columns: 120, rows: 30 }, NOW, unpainted)) {
        expect(line).not.toMatch(UNSAFE);
        expect(widthOf(line)).toBe(120);
      }
      for (const line of renderPlain(state, NOW).split('\n')) expect(line).not.toMatch(UNSAFE);
    }
  });
});

describe('texts of a certain width', () => {
  it.each([
    ['abc', 5, 'abc  '],
    ['abcdef', 4, 'abc…'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日… '],
    ['e\u0301a', 3, 'e\u0301a '],
    ['\u001b[31m', 6, '�[31m '],
    ['x', 0, ''],
  ])('%j in %d columns', (text, width, expected) => {
    expect(fit(text, width)).toBe(expected);
  });

  it('can be at the right', () => {
    expect(fit('12', 4, 'right')).toBe('  12');
  });
});

it('in a pipe is all of it, as text', () => {
  const text = renderPlain(topOf(), NOW);
  for (const part of [
    'Peers 3',
    'alpha',
    'Indexers 1',
    'challenge 0.25',
    'Pulls 1',
    'Events 1',
    'does not answer',
  ]) {
    expect(text).toContain(part);
  }
});
