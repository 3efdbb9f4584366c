import { expect, it } from 'vitest';
import { ConnectionGuard } from '../../src/behaviour/connection-guard.ts';

const MINUTE = 60_000;

function guardOf(overrides: Partial<ConstructorParameters<typeof ConnectionGuard>[0]> = {}) {
  return new ConnectionGuard({
    limit: 20,
    windowMs: 30_000,
    memoryMs: 10 * MINUTE,
    maxRemembered: 100,
    ...overrides,
  });
}

it('admits 20 strangers in 30 s, which is 40 a minute', () => {
  const guard = guardOf({ maxRemembered: 10_000 });
  let admitted = 0;
  for (let ms = 0; ms < MINUTE; ms += 10) if (guard.take(`p${ms}`, ms)) admitted += 1;
  expect(admitted).toBe(40);
});

it('asking takes no token', () => {
  const guard = guardOf({ limit: 1 });
  for (let i = 0; i < 5; i++) expect(guard.wouldAdmit('a', 0)).toBe(true);
  expect(guard.take('a', 0)).toBe(true);
  expect(guard.wouldAdmit('b', 0)).toBe(false);
  expect(guard.take('b', 0)).toBe(false);
});

it('gives a token back only when its window is over', () => {
  const guard = guardOf({ limit: 2 });
  guard.take('a', 0);
  guard.take('b', 20_000);
  guard.forget('a');
  expect(guard.wouldAdmit('c', 29_999)).toBe(false);
  expect(guard.take('c', 30_000)).toBe(true);
  expect(guard.wouldAdmit('d', 49_999)).toBe(false);
  expect(guard.wouldAdmit('d', 50_000)).toBe(true);
});

it('DEF-72: who was seen in the last ten minutes needs no token', () => {
  const guard = guardOf({ limit: 1 });
  guard.noteSeen('known', 0);
  expect(guard.take('stranger', 10 * MINUTE)).toBe(true);
  expect(guard.take('known', 10 * MINUTE)).toBe(true);
  expect(guard.take('another', 10 * MINUTE)).toBe(false);
  // Being admitted counts as being seen.
  expect(guard.wouldAdmit('stranger', 10 * MINUTE + 1)).toBe(true);
  expect(guard.remembers('known', 20 * MINUTE + 1)).toBe(false);
});

it('DEF-72: a guard that is told who was seen before a restart lets 500 of them in at once', () => {
  const before = guardOf({ maxRemembered: 5_000 });
  for (let i = 0; i < 500; i++) before.noteSeen(`p${i}`, i);
  const after = guardOf({ maxRemembered: 5_000 });
  for (const { peer, at } of before.seen(1_000)) after.noteSeen(peer, at);
  const admitted = Array.from({ length: 500 }, (_, i) => after.take(`p${i}`, 2_000));
  expect(admitted.every(Boolean)).toBe(true);
});

it('remembers a bounded number of peers, and none for ever', () => {
  const guard = guardOf();
  for (let i = 0; i < 10_000; i++) guard.noteSeen(`p${i}`, i);
  expect(guard.size).toBe(100);
  expect(guard.remembers('p9999', 10_000)).toBe(true);
  guard.sweep(10 * MINUTE + 9_999 + 1);
  expect(guard.size).toBe(0);
  expect([...guard.seen(10 * MINUTE)]).toEqual([]);
});
