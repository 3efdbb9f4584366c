import { describe, expect, it } from 'vitest';
import { errorFrame, refusedError } from '../../src/wire/error-frames.ts';
import { errorOf } from '../../src/wire/schemas.ts';

describe('error frames', () => {
  it('have only what was given', () => {
    expect(errorFrame('unknown_peer', 'heartbeat first')).toEqual({
      error: { code: 'unknown_peer', message: 'heartbeat first' },
    });
    expect(
      errorFrame('low_score', '31.8 < 35.0', { retryAfterMs: 20_000, score: 31.8, minScore: 35 }),
    ).toEqual({
      error: { code: 'low_score', message: '31.8 < 35.0', retry_after: 20, score: 31.8, min_score: 35 },
    });
  });

  it.each([
    [0, 0],
    [-5, 0],
    [1, 0.001],
    [999.5, 1],
    [1_000, 1],
    [1_001, 2],
    [599_999, 600],
  ])('%d ms are %d s', (retryAfterMs, seconds) => {
    expect(errorFrame('banned', '', { retryAfterMs }).error.retry_after).toBe(seconds);
  });

  it('reach the caller as REFUSED with the code and the time in milliseconds', () => {
    const frame = errorFrame('banned', 'three strikes', { retryAfterMs: 600_000, score: 1, minScore: 2 });
    const error = errorOf(JSON.parse(JSON.stringify(frame)));
    expect(error).toEqual(frame.error);
    expect(refusedError(frame.error)).toMatchObject({
      code: 'REFUSED',
      details: { code: 'banned', retryAfterMs: 600_000, score: 1, minScore: 2 },
    });
    expect(refusedError({ code: 'full', message: '' }).details).toEqual({ code: 'full' });
  });
});
