/** Limits of a network's policy (spec section 5). Values come from JSON as they were sent. */
import type { Parsed } from '../wire/go-text.ts';

/** Highest `max_members`; 0 means no limit. */
export const MAX_MAX_MEMBERS = 10_000;
/** Most allowed ports as sent. */
export const MAX_ALLOWED_PORTS = 100;
/** Most bytes of the description of a policy. */
export const MAX_POLICY_DESCRIPTION_BYTES = 256;

/** Reads `max_members`: an integer from 0 to 10000, not below the members that the network already has. */
export function readMaxMembers(value: unknown, memberCount: number): Parsed<number> {
  if (!isIntegerBetween(value, 0, MAX_MAX_MEMBERS)) {
    return { ok: false, error: 'invalid max_members (must be integer 0-10000)' };
  }
  if (value !== 0 && value < memberCount) {
    const error = `cannot set max_members to ${value}: network already has ${memberCount} members`;
    return { ok: false, error };
  }
  return { ok: true, value };
}

/**
 * Reads `allowed_ports`: at most 100 integers from 1 to 65535; duplicates are dropped, the order is kept. Anything but
 * an array reads as an empty list, so the caller looks first whether the field is there.
 */
export function readAllowedPorts(value: unknown): Parsed<number[]> {
  const sent: readonly unknown[] = Array.isArray(value) ? value : [];
  if (sent.length > MAX_ALLOWED_PORTS) {
    return { ok: false, error: `too many allowed_ports (max ${MAX_ALLOWED_PORTS})` };
  }
  const ports = new Set<number>();
  for (const port of sent) {
    if (!isIntegerBetween(port, 1, 65_535)) {
      return { ok: false, error: 'invalid port number in allowed_ports (must be integer 1-65535)' };
    }
    ports.add(port);
  }
  return { ok: true, value: [...ports] };
}

/** Checks the description of a policy. */
export function validatePolicyDescription(description: string): string | undefined {
  if (Buffer.byteLength(description) <= MAX_POLICY_DESCRIPTION_BYTES) return undefined;
  return `policy description too long (max ${MAX_POLICY_DESCRIPTION_BYTES} chars)`;
}

function isIntegerBetween(value: unknown, lowest: number, highest: number): value is number {
  return Number.isInteger(value) && Number(value) >= lowest && Number(value) <= highest;
}
