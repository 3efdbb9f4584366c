/**
 * Checking of tokens (JWT) that an identity provider issued (spec section 12.4, B-42).
 *
 * Fault model: the token comes from a stranger, who chooses its header. The algorithm must be one of ours, and is bound
 * to the type of the key: a public key is never used as the secret of a MAC. Symmetric keys are used only where the
 * operator asked for them, because a key set is usually public. A token must expire.
 */
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import type { JWK, JWTPayload, JWTVerifyOptions } from 'jose';
import { outboundErrors } from './errors.ts';
import { KEY_SET_LIFETIME_MS, KEY_SET_REFETCH_INTERVAL_MS, KeySets } from './key-sets.ts';
import type { KeySetsOptions } from './key-sets.ts';
import type { SafeFetcher } from './safe-fetch.ts';

/** Longest token that is looked at, in characters. */
export const MAX_IDENTITY_TOKEN_LENGTH = 16_384;
/** How far the provider's clock may be from ours, for `exp` and `nbf`. */
export const TOKEN_CLOCK_SKEW_SECONDS = 60;
/** Keys of one set that are tried for one token: several may lack a `kid`. */
export const MAX_KEYS_TRIED = 8;

type Algorithm = 'RS256' | 'ES256' | 'EdDSA' | 'HS256';

/** What a key must be for an algorithm. */
const keyTypes: Readonly<Record<Algorithm, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  HS256: { kty: 'oct' },
};

/** The configured provider; empty texts count as not configured. */
export interface IdentityProviderConfig {
  /** Where its key set is. */
  readonly url: string;
  readonly issuer?: string;
  /** The audience that tokens must name. */
  readonly clientId?: string;
}

/** The result of checking a token; `error` is a text for the reply. */
export type TokenResult =
  | { readonly verified: true; readonly subject: string; readonly issuer: string }
  | { readonly verified: false; readonly error: string };

/** What an {@link IdentityTokenValidator} may be told. */
export interface IdentityTokenValidatorOptions extends KeySetsOptions {
  /** Whether HS256 with symmetric keys from the key set is allowed (B-42). @default false */
  readonly allowSymmetricKeys?: boolean;
}

/** Checks tokens against the key set of the configured provider. */
export class IdentityTokenValidator {
  readonly keySets: KeySets;
  readonly #algorithms: readonly Algorithm[];

  constructor(fetcher: SafeFetcher, options: IdentityTokenValidatorOptions = {}) {
    this.keySets = new KeySets(fetcher, options);
    const symmetric: readonly Algorithm[] = options.allowSymmetricKeys === true ? ['HS256'] : [];
    this.#algorithms = ['RS256', 'ES256', 'EdDSA', ...symmetric];
  }

  /**
   * Checks a token at `nowMs`. A token that is not good is a result, with the texts `invalid token: ..`,
   * `unsupported JWT algorithm: %s`, `fetch key set: ..` or `parse key set: ..`.
   *
   * @throws `identity_provider_missing` (`no identity provider configured`)
   */
  async validate(
    token: string,
    config: IdentityProviderConfig | undefined,
    nowMs: number,
  ): Promise<TokenResult> {
    if (config === undefined || config.url === '') {
      throw outboundErrors.create('identity_provider_missing', 'no identity provider configured');
    }
    try {
      const payload = await this.#verify(token, config, nowMs);
      return { verified: true, subject: payload.sub ?? '', issuer: payload.iss ?? '' };
    } catch (error) {
      return { verified: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  async #verify(token: string, config: IdentityProviderConfig, nowMs: number): Promise<JWTPayload> {
    const { algorithm, kid } = this.#readHeader(token);
    const candidates = await this.#candidates(config.url, algorithm, kid, nowMs);
    const options = verifyOptions(algorithm, config, nowMs);
    let failure = 'no key of the key set fits';
    for (const jwk of candidates) {
      try {
        const key = await importJWK(publicPart(jwk), algorithm);
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    }
    throw invalidToken(failure);
  }

  #readHeader(token: string): { readonly algorithm: Algorithm; readonly kid: string | undefined } {
    if (token.length > MAX_IDENTITY_TOKEN_LENGTH) throw invalidToken('too long');
    if (!/^[\w-]+\.[\w-]*\.[\w-]*$/.test(token)) throw invalidToken('not a JWT');
    let header: { readonly alg?: unknown; readonly kid?: unknown };
    try {
      header = decodeProtectedHeader(token);
    } catch (cause) {
      throw invalidToken('malformed header', cause);
    }
    const algorithm = this.#algorithms.find((name) => name === header.alg);
    if (algorithm === undefined) {
      const named = String(header.alg ?? '').slice(0, 64);
      throw outboundErrors.create('unsupported_jwt_algorithm', `unsupported JWT algorithm: ${named}`);
    }
    return { algorithm, kid: typeof header.kid === 'string' ? header.kid : undefined };
  }

  /** The keys that may have signed. The set is fetched anew when the token names a key that it lacks. */
  async #candidates(
    url: string,
    algorithm: Algorithm,
    kid: string | undefined,
    nowMs: number,
  ): Promise<readonly JWK[]> {
    for (const maxAgeMs of [KEY_SET_LIFETIME_MS, KEY_SET_REFETCH_INTERVAL_MS]) {
      const keys = await this.keySets.keysOf(url, nowMs, maxAgeMs);
      const fitting = keys.filter((key) => fits(key, algorithm, kid));
      if (fitting.length > 0) return fitting.slice(0, MAX_KEYS_TRIED);
    }
    return [];
  }
}

function fits(key: JWK, algorithm: Algorithm, kid: string | undefined): boolean {
  const type = keyTypes[algorithm];
  if (key.kty !== type.kty || (type.crv !== undefined && key.crv !== type.crv)) return false;
  if (key.alg !== undefined && key.alg !== algorithm) return false;
  if (key.use !== undefined && key.use !== 'sig') return false;
  if (Array.isArray(key.key_ops) && !key.key_ops.includes('verify')) return false;
  return kid === undefined || key.kid === undefined || key.kid === kid;
}

/** A key without what only its owner should have; a provider may publish too much. */
function publicPart(key: JWK): JWK {
  switch (key.kty) {
    case 'RSA':
      return { kty: key.kty, n: key.n ?? '', e: key.e ?? '' };
    case 'EC':
      return { kty: key.kty, crv: key.crv ?? '', x: key.x ?? '', y: key.y ?? '' };
    case 'OKP':
      return { kty: key.kty, crv: key.crv ?? '', x: key.x ?? '' };
    default:
      return { kty: 'oct', k: key.k ?? '' };
  }
}

function verifyOptions(
  algorithm: Algorithm,
  config: IdentityProviderConfig,
  nowMs: number,
): JWTVerifyOptions {
  const { issuer = '', clientId = '' } = config;
  return {
    algorithms: [algorithm],
    requiredClaims: ['exp'],
    clockTolerance: TOKEN_CLOCK_SKEW_SECONDS,
    currentDate: new Date(nowMs),
    ...(issuer === '' ? {} : { issuer }),
    ...(clientId === '' ? {} : { audience: clientId }),
  };
}

function invalidToken(reason: string, cause?: unknown): Error {
  return outboundErrors.create('invalid_identity_token', `invalid token: ${reason}`, { cause });
}
