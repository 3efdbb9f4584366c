/** Expiry of keys (spec section 5, `expires_at`). */
import type { Parsed } from '../wire/go-text.ts';
import { readRfc3339 } from '../wire/time-text.ts';

/** A key may expire at most this many calendar years ahead. */
export const MAX_EXPIRY_YEARS = 10;

/** An accepted `expires_at`. */
export type Expiry =
  | { readonly kind: 'never' }
  | {
      readonly kind: 'at';
      /** Seconds precision, as it is stored and shown. */
      readonly unixSeconds: number;
    };

/**
 * Reads `expires_at`: an RFC 3339 time in the future, at most ten years ahead; empty or `never` clears. Errors:
 * `invalid expires_at: ..`, `expires_at must be in the future`, `invalid expires_at: cannot exceed 10 years`.
 */
export function parseExpiry(text: string, nowMs: number): Parsed<Expiry> {
  if (text === '' || text === 'never') return { ok: true, value: { kind: 'never' } };
  const time = readRfc3339(text);
  if (!time.ok) return { ok: false, error: `invalid expires_at: ${time.error}` };
  if (time.value <= nowMs) return { ok: false, error: 'expires_at must be in the future' };
  const latest = new Date(nowMs);
  latest.setUTCFullYear(latest.getUTCFullYear() + MAX_EXPIRY_YEARS);
  if (time.value > latest.getTime()) {
    return { ok: false, error: `invalid expires_at: cannot exceed ${MAX_EXPIRY_YEARS} years` };
  }
  return { ok: true, value: { kind: 'at', unixSeconds: Math.floor(time.value / 1000) } };
}
