import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAllowedPorts, readMaxMembers, validatePolicyDescription } from '../../src/validation/index.ts';

describe('network policy', () => {
  it.each([0, 1, 10_000])('accepts max_members %d', (value) => {
    expect(readMaxMembers(value, 0)).toEqual({ ok: true, value });
  });

  it.each([-1, 10_001, 1.5, '5', null, true, Number.NaN])('refuses max_members %j', (value) => {
    expect(readMaxMembers(value, 0)).toEqual({
      ok: false,
      error: 'invalid max_members (must be integer 0-10000)',
    });
  });

  it('does not go below the members that are there, except to no limit', () => {
    expect(readMaxMembers(4, 5)).toEqual({
      ok: false,
      error: 'cannot set max_members to 4: network already has 5 members',
    });
    expect(readMaxMembers(5, 5)).toEqual({ ok: true, value: 5 });
    expect(readMaxMembers(0, 5)).toEqual({ ok: true, value: 0 });
  });

  it('drops duplicate ports and keeps the order', () => {
    expect(readAllowedPorts([443, 80, 443, 1, 65_535])).toEqual({ ok: true, value: [443, 80, 1, 65_535] });
    expect(readAllowedPorts([])).toEqual({ ok: true, value: [] });
    expect(readAllowedPorts('80')).toEqual({ ok: true, value: [] });
  });

  it.each([[[0]], [[65_536]], [[80, 1.5]], [['80']], [[null]]])('refuses the ports %j', (ports) => {
    expect(readAllowedPorts(ports)).toEqual({
      ok: false,
      error: 'invalid port number in allowed_ports (must be integer 1-65535)',
    });
  });

  it('counts ports before duplicates go and before it looks at them', () => {
    expect(readAllowedPorts(Array.from({ length: 100 }, () => 80)).ok).toBe(true);
    expect(readAllowedPorts(Array.from({ length: 101 }, () => 0))).toEqual({
      ok: false,
      error: 'too many allowed_ports (max 100)',
    });
  });

  it('holds the description in bytes', () => {
    expect(validatePolicyDescription('é'.repeat(128))).toBeUndefined();
    expect(validatePolicyDescription(`${'é'.repeat(128)}x`)).toBe(
      'policy description too long (max 256 chars)',
    );
  });

  it('accepts only ports that exist, for any value', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const read = readAllowedPorts(value);
        if (read.ok) expect(read.value.every((port) => port >= 1 && port <= 65_535)).toBe(true);
        const limit = readMaxMembers(value, 3);
        if (limit.ok) expect(limit.value === 0 || limit.value >= 3).toBe(true);
      }),
    );
  });
});
