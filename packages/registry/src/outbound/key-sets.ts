/** The key sets of identity providers, fetched and kept for a while (spec section 12.4). */
import type { JWK } from 'jose';
import { outboundErrors } from './errors.ts';
import type { OutboundReply, SafeFetcher } from './safe-fetch.ts';

/** Longest key set that is read. */
export const MAX_KEY_SET_BYTES = 65_536;
/** How long a key set is used before it is fetched again. */
export const KEY_SET_LIFETIME_MS = 300_000;
/** A token that names an unknown key makes the set be fetched again, but not more often than this. */
export const KEY_SET_REFETCH_INTERVAL_MS = 30_000;

const KEY_SET_TIMEOUT_MS = 5000;

/** Bounds of a {@link KeySets}. */
export interface KeySetsOptions {
  /** Key sets kept; the one fetched first goes first. @default 16 */
  readonly maxKeySets?: number;
}

interface KeySet {
  readonly fetchedAtMs: number;
  readonly keys: Promise<readonly JWK[]>;
}

/** Key sets by URL. Callers that come while a set is being fetched share that request; a failure is not kept. */
export class KeySets {
  readonly maxKeySets: number;
  readonly #fetcher: SafeFetcher;
  readonly #sets = new Map<string, KeySet>();

  constructor(fetcher: SafeFetcher, options: KeySetsOptions = {}) {
    this.#fetcher = fetcher;
    this.maxKeySets = options.maxKeySets ?? 16;
  }

  /** Key sets kept. */
  get size(): number {
    return this.#sets.size;
  }

  /**
   * The keys at `url`, not older than `maxAgeMs`.
   *
   * @throws `key_set_unavailable` (`fetch key set: ..`, `parse key set: ..`)
   */
  async keysOf(url: string, nowMs: number, maxAgeMs: number = KEY_SET_LIFETIME_MS): Promise<readonly JWK[]> {
    const known = this.#sets.get(url);
    const ageMs = known === undefined ? Number.POSITIVE_INFINITY : nowMs - known.fetchedAtMs;
    // A negative age means that the clock went back: what was kept may be of any age.
    if (known !== undefined && ageMs >= 0 && ageMs < maxAgeMs) return known.keys;
    const set: KeySet = { fetchedAtMs: nowMs, keys: this.#fetch(url) };
    this.#sets.delete(url);
    for (const oldest of this.#sets.keys()) {
      if (this.#sets.size < this.maxKeySets) break;
      this.#sets.delete(oldest);
    }
    this.#sets.set(url, set);
    try {
      return await set.keys;
    } catch (error) {
      if (this.#sets.get(url) === set) this.#sets.delete(url);
      throw error;
    }
  }

  async #fetch(url: string): Promise<readonly JWK[]> {
    let reply: OutboundReply;
    try {
      reply = await this.#fetcher.fetch({
        method: 'GET',
        url,
        headers: { accept: 'application/jwk-set+json, application/json' },
        timeoutMs: KEY_SET_TIMEOUT_MS,
        maxReplyBytes: MAX_KEY_SET_BYTES,
      });
    } catch (error) {
      throw unavailable(`fetch key set: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    if (reply.status !== 200) throw unavailable(`fetch key set: status ${reply.status}`);
    return parseKeySet(reply.body.toString('utf8'));
  }
}

function parseKeySet(text: string): readonly JWK[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unavailable('parse key set: not valid JSON', cause);
  }
  const keys: unknown =
    typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
  if (!Array.isArray(keys)) throw unavailable('parse key set: no keys');
  return keys.filter(
    (key): key is JWK => typeof key === 'object' && key !== null && typeof key.kty === 'string',
  );
}

function unavailable(message: string, cause?: unknown): Error {
  return outboundErrors.create('key_set_unavailable', message, { cause });
}
