import { describe, expect, it } from 'vitest';
import { takeRefusal } from '../../src/pool/refusals.ts';
import { ERROR_CODES, type WireErrorCode } from '../../src/wire/messages.ts';
import { CONSTANTS, healthyEntry } from '../support/pool-models.ts';

const NOW = 1_000;

function refuse(code: WireErrorCode, retry_after?: number) {
  const entry = healthyEntry(1, NOW);
  const error = { code, message: '', ...(retry_after !== undefined && { retry_after }) };
  return { entry, effect: takeRefusal(entry, error, NOW, CONSTANTS) };
}

describe('refusals of a heartbeat (7.3, 11.3)', () => {
  it('keep the entry, and count no failure, for a low score', () => {
    const { entry, effect } = refuse('low_score');
    expect(effect).toBe('kept');
    expect(entry.suspendedUntil).toBeUndefined();
  });

  it('back off for as long as a rate limit says, within reason', () => {
    expect(refuse('rate_limited', 30).entry.suspendedUntil).toBe(NOW + 30_000);
    expect(refuse('rate_limited').entry.suspendedUntil).toBe(NOW + CONSTANTS.tickMs);
    expect(refuse('rate_limited', 1e9).entry.suspendedUntil).toBe(NOW + CONSTANTS.banMs);
    expect(refuse('rate_limited').entry.isUnusable).toBe(false);
  });

  it('leave a full indexer alone for 5 minutes, and free its slot', () => {
    const { entry, effect } = refuse('full', 1);
    expect(effect).toBe('kept');
    expect(entry).toMatchObject({ suspendedUntil: NOW + 300_000, isUnusable: true });
    expect(entry.isHealthy(NOW)).toBe(false);
  });

  it.each(['banned', 'blacklisted'] as const)('leave one that has %s us alone', (code) => {
    expect(refuse(code, 600).entry).toMatchObject({ suspendedUntil: NOW + 600_000, isUnusable: true });
  });

  it.each(['shutting_down', 'internal'] as const)('are failures: %s', (code) => {
    expect(refuse(code).effect).toBe('failure');
  });

  it('are each known', () => {
    for (const code of ERROR_CODES) expect(refuse(code).effect).toMatch(/kept|failure|own-bug/);
  });
});
