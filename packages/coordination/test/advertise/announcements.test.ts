import { seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { Announcements } from '../../src/advertise/announcements.ts';
import { testDigest } from '../support/vectors.ts';

const HOUR = 3_600_000;
const book = (): Announcements => new Announcements(12 * HOUR, seededRandom(7));
const digests = (due: readonly { digest: string }[]): string[] => due.map(({ digest }) => digest);
const [A, B, C] = [testDigest(1), testDigest(2), testDigest(3)];

test('in the order in which they were wanted, each once', () => {
  const announcements = book();
  expect(announcements.want(A, 'reconcile', 0)).toBe(true);
  expect(announcements.want(A, 'reconcile', 0)).toBe(false);
  announcements.want(B, 'reconcile', 0);
  announcements.want(C, 'reconcile', 0);
  expect(digests(announcements.take(2, 0))).toEqual([A, B]);
  expect(announcements.want(A, 'reconcile', 0)).toBe(false);
  expect(digests(announcements.take(2, 0))).toEqual([C]);
  announcements.done(A, 1);
  expect(announcements.announced).toBe(1);
  expect(announcements.pending).toBe(2);
});

test('failures are tried again after 5 s, later after 5 min', () => {
  const announcements = book();
  announcements.want(A, 'reconcile', 0);
  const pauses: number[] = [];
  let now = 0;
  let failedAt: number | undefined;
  while (pauses.length < 8) {
    if (announcements.take(1, now).length > 0) {
      if (failedAt !== undefined) pauses.push((now - failedAt) / 1_000);
      announcements.failed(A, now);
      failedAt = now;
    }
    now += 1_000;
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
});

test('what is forgotten while it is being announced stays forgotten', () => {
  const announcements = book();
  announcements.want(A, 'reconcile', 0);
  announcements.take(1, 0);
  expect(announcements.forget(A)).toBe(false);
  announcements.failed(A, 0);
  expect(announcements.pending).toBe(0);
  announcements.done(B, 0);
  expect(announcements.forget(B)).toBe(true);
  expect(announcements.forget(B)).toBe(false);
});

test('what was announced together is renewed over hours, none later than after 12 h', () => {
  const announcements = book();
  for (let index = 0; index < 1_000; index += 1) announcements.done(testDigest(index), 0);
  expect(announcements.renewOld(6 * HOUR - 1)).toBe(0);
  const within = announcements.renewOld(9 * HOUR);
  expect(within).toBeGreaterThan(400);
  expect(within).toBeLessThan(600);
  expect(announcements.renewOld(9 * HOUR)).toBe(0);
  announcements.renewOld(12 * HOUR);
  expect(announcements.pending).toBe(1_000);
  expect(announcements.take(1, 12 * HOUR)[0]?.op).toBe('reprovide');
});

test('after churn everything is renewed within ten minutes', () => {
  const announcements = book();
  for (let index = 0; index < 100; index += 1) announcements.done(testDigest(index), 0);
  announcements.renewAll(1_000);
  const early = announcements.renewOld(1_000 + 60_000);
  expect(early).toBeGreaterThan(0);
  expect(early).toBeLessThan(30);
  announcements.renewOld(1_000 + 600_000);
  expect(announcements.pending).toBe(100);
});
