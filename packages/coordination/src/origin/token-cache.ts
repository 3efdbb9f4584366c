/**
 * Bearer tokens by scope (coordination spec 15.3): one request at a time for each, a bounded number kept. One cache serves
 * one registry, so that its keys are (registry, scope).
 */

/** Tokens kept for one registry; the oldest goes first. */
export const MAX_TOKENS = 1_024;

const DEFAULT_LIFE_S = 300;
const MARGIN_S = 30;
const SHORTEST_LIFE_S = 60;
const LONGEST_LIFE_S = 86_400;

/** How long a token is used, in seconds, when its issuer says `expires_in` (15.3). */
export function tokenLifeS(expiresInS: number | undefined): number {
  if (expiresInS === undefined || !(expiresInS > 0)) return DEFAULT_LIFE_S;
  return Math.min(LONGEST_LIFE_S, Math.max(SHORTEST_LIFE_S, Math.floor(expiresInS) - MARGIN_S));
}

/** What a token endpoint has given. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresInS: number | undefined;
}

interface Kept {
  readonly token: string;
  readonly until: number;
}

/** Tokens of one registry. Times are milliseconds of a clock that never goes back. */
export class TokenCache {
  readonly #tokens = new Map<string, Kept>();
  readonly #fetches = new Map<string, Promise<string>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Tokens kept. */
  get length(): number {
    return this.#tokens.size;
  }

  /** The token for the scope while it may be used. */
  get(scope: string): string | undefined {
    const kept = this.#tokens.get(scope);
    if (kept === undefined) return undefined;
    if (this.#now() < kept.until) return kept.token;
    this.#tokens.delete(scope);
    return undefined;
  }

  /** The registry has refused this token. One that has taken its place meanwhile stays. */
  drop(scope: string, token: string): void {
    if (this.#tokens.get(scope)?.token === token) this.#tokens.delete(scope);
  }

  /** Other credentials: forgets all tokens. */
  clear(): void {
    this.#tokens.clear();
  }

  /** The token for the scope, fetched unless it is there; all who ask meanwhile wait for the same fetch and share its failure. */
  async obtain(scope: string, fetch: () => Promise<IssuedToken>): Promise<string> {
    const token = this.get(scope);
    if (token !== undefined) return token;
    let running = this.#fetches.get(scope);
    if (running === undefined) {
      running = this.#fetch(scope, fetch).finally(() => this.#fetches.delete(scope));
      this.#fetches.set(scope, running);
    }
    return running;
  }

  async #fetch(scope: string, fetch: () => Promise<IssuedToken>): Promise<string> {
    const { token, expiresInS } = await fetch();
    this.#tokens.delete(scope);
    if (this.#tokens.size >= MAX_TOKENS) {
      const oldest = this.#tokens.keys().next();
      if (oldest.done !== true) this.#tokens.delete(oldest.value);
    }
    this.#tokens.set(scope, { token, until: this.#now() + tokenLifeS(expiresInS) * 1_000 });
    return token;
  }
}
