import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { KnownPeers, shuffled } from '../../src/pool/known-peers.ts';

const at = (ID: string) => ({ ID, Addrs: ['/dns4/a.example/tcp/1'] });
const all = () => true;
const random = seededRandom(2);

describe('the known peers (13.6)', () => {
  it('are bounded: who was met longest ago is forgotten', () => {
    const known = new KnownPeers(3);
    for (const id of ['a', 'b', 'c', 'a', 'd']) known.note(at(id));
    expect(
      known
        .candidates('x', random, all)
        .map(({ ID }) => ID)
        .sort(),
    ).toEqual(['a', 'c', 'd']);
  });

  it('DEF-50: those that the asked-about indexer has named come last', () => {
    const known = new KnownPeers(64);
    for (let i = 0; i < 20; i += 1) known.note(at(`friend-${i}`), 'x');
    known.note(at('own'));
    expect(known.candidates('x', random, all)[0]?.ID).toBe('own');
    known.note(at('friend-3'), 'y');
    expect(
      known
        .candidates('x', random, all)
        .slice(0, 2)
        .map(({ ID }) => ID)
        .sort(),
    ).toEqual(['friend-3', 'own']);
  });

  it('leave out the indexer itself and who does not pass', () => {
    const known = new KnownPeers(64);
    for (const id of ['x', 'a', 'b']) known.note(at(id));
    expect(known.candidates('x', random, (peer) => peer !== 'a').map(({ ID }) => ID)).toEqual(['b']);
  });

  it('are not believed when they contradict what we see of two indexers, and of more than they agree with', () => {
    const known = new KnownPeers(64);
    known.note(at('w'));
    known.noteVerdict('w', 'x', false);
    expect(known.isCredible('w')).toBe(true);
    known.noteVerdict('w', 'y', false);
    expect(known.isCredible('w')).toBe(false);
    known.noteVerdict('w', 'z', true);
    known.noteVerdict('w', 'u', true);
    expect(known.isCredible('w')).toBe(true);
  });

  it('have told the truth only when they agreed about another indexer', () => {
    const known = new KnownPeers(64);
    known.note(at('w'));
    known.noteVerdict('w', 'x', true);
    expect(known.hasAgreedAbout('w', 'x')).toBe(false);
    expect(known.hasAgreedAbout('w', 'y')).toBe(true);
    expect(known.hasAgreedAbout('stranger', 'y')).toBe(false);
  });

  it('are believed although they contradict one indexer again and again', () => {
    const known = new KnownPeers(64);
    known.note(at('w'));
    for (let i = 0; i < 10; i += 1) known.noteVerdict('w', 'liar', false);
    expect(known.isCredible('w')).toBe(true);
  });
});

it('shuffles into a copy with the same members', () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const result = shuffled(items, random);
  expect(result).not.toBe(items);
  expect(result.toSorted((a, b) => a - b)).toEqual(items);
});
