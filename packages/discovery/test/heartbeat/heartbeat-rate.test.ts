import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { checkHeartbeatRate } from '../../src/heartbeat/heartbeat-rate.ts';

describe('the rate of heartbeats (11.2)', () => {
  it('keeps within the documented limit, at any time scale', () => {
    for (const scale of [1, 0.01, 3]) checkHeartbeatRate(discoveryConstants(scale), 5);
  });

  it.each([
    ['a shorter gap', { heartbeatMinGapMs: 11_000 }, 5],
    ['a shorter tick', { tickMs: 10_000 }, 5],
    ['a lower limit', {}, 4],
  ])('is refused with %s', (_case, overrides, limit) => {
    const constants = { ...discoveryConstants(), ...overrides };
    expect(() => checkHeartbeatRate(constants, limit)).toThrow(
      expect.objectContaining({ code: 'OVERLAY_START_FAILED' }),
    );
  });
});
