/**
 * Admin tokens: several, each with a name for the audit and scopes for what it may do, known only by salted hashes
 * (B-48). The one plain token of the original stays possible and has every scope.
 */
import type { Random } from '@muster/core';
import { authErrors } from './errors.ts';
import { hashSecret, isHashedSecret, matchesSecret } from './secrets.ts';
import type { HashedSecret } from './secrets.ts';

/** Tokens that may be configured; each check computes one hash (2 µs) for every one of them. */
export const MAX_ADMIN_TOKENS = 32;

/** What admin tokens may be limited to, and what each scope allows. */
export const ADMIN_SCOPES = {
  all: 'everything',
  read: 'calls that change nothing: lists with hidden parts, audit log, configuration, dashboard',
  nodes: 'acting for a node: deregister, hostname, tags, visibility, key expiry',
  networks: 'networks: create, rename, delete, members, roles, policies, provisioning, directory sync',
  identity: 'identity: external ids, identity webhook, identity provider, validating tokens',
  operations: 'operating the registry: webhooks, audit export, beacons, breakers, snapshots, promotion',
} as const;

/** One of {@link ADMIN_SCOPES}. */
export type AdminScope = keyof typeof ADMIN_SCOPES;

/** Who presented an admin token: `name` goes to the audit. */
export interface AdminIdentity {
  readonly name: string;
  readonly scopes: readonly AdminScope[];
}

/** One entry of the file of admin tokens. */
export interface AdminTokenEntry extends AdminIdentity, HashedSecret {}

/** Name under which calls with the plain token appear in the audit. */
export const PLAIN_ADMIN_TOKEN_NAME = 'admin';

/** The configured admin tokens. Tokens themselves are not kept. */
export class AdminTokens {
  readonly #entries: readonly AdminTokenEntry[];

  /**
   * @param plainToken the token with every scope, named {@link PLAIN_ADMIN_TOKEN_NAME}; empty or absent for none
   * @throws `invalid_admin_token_file` when there are more than {@link MAX_ADMIN_TOKENS} or a name occurs twice
   */
  constructor(entries: readonly AdminTokenEntry[], plainToken: string | undefined, random: Random) {
    const plain: AdminTokenEntry[] = [];
    if (plainToken !== undefined && plainToken !== '') {
      plain.push({ name: PLAIN_ADMIN_TOKEN_NAME, scopes: ['all'], ...hashSecret(plainToken, random) });
    }
    this.#entries = [...plain, ...entries];
    if (this.#entries.length > MAX_ADMIN_TOKENS) throw invalid(`admin tokens: more than ${MAX_ADMIN_TOKENS}`);
    const names = new Set(this.#entries.map((entry) => entry.name));
    if (names.size < this.#entries.length) throw invalid('admin tokens: a name occurs twice');
  }

  /** Whether any token is configured; without one, admin calls answer `network creation is disabled`. */
  get configured(): boolean {
    return this.#entries.length > 0;
  }

  /** Who holds this token. Takes the same time whichever entry it is, and none. */
  check(token: string): AdminIdentity | undefined {
    let found: AdminTokenEntry | undefined;
    for (const entry of this.#entries) if (matchesSecret(token, entry)) found = entry;
    return found === undefined ? undefined : { name: found.name, scopes: found.scopes };
  }
}

/** Whether the holder of a token may do what needs this scope. */
export function permits(identity: AdminIdentity, scope: AdminScope): boolean {
  return identity.scopes.includes('all') || identity.scopes.includes(scope);
}

/** Makes a random token and the entry to store for it. The token is shown once and kept nowhere. */
export function createAdminToken(
  identity: AdminIdentity,
  random: Random,
): { readonly token: string; readonly entry: AdminTokenEntry } {
  const token = Buffer.from(random.bytes(32)).toString('base64url');
  return { token, entry: { name: identity.name, scopes: identity.scopes, ...hashSecret(token, random) } };
}

/** The text of a file of admin tokens. */
export function formatAdminTokenFile(entries: readonly AdminTokenEntry[]): string {
  return `${JSON.stringify({ tokens: entries }, undefined, 2)}\n`;
}

/**
 * Reads a file of admin tokens: `{"tokens":[{"name","scopes","salt","hash"}]}`.
 *
 * @throws `invalid_admin_token_file`, which names the entry and never quotes a value
 */
export function parseAdminTokenFile(text: string): readonly AdminTokenEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is not for logs.
    throw invalid('admin tokens: not valid JSON');
  }
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('tokens' in parsed) ||
    !Array.isArray(parsed.tokens)
  ) {
    throw invalid('admin tokens: expected {"tokens":[..]}');
  }
  return parsed.tokens.map((entry: unknown, index) => readEntry(entry, index));
}

function readEntry(value: unknown, index: number): AdminTokenEntry {
  if (!isHashedSecret(value)) throw invalid(`admin tokens: entry ${index} needs salt and hash`);
  const name = 'name' in value && typeof value.name === 'string' ? value.name : '';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw invalid(`admin tokens: entry ${index} needs a name of up to 64 letters, digits, dots, dashes`);
  }
  const scopes: unknown = 'scopes' in value ? value.scopes : undefined;
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every(isScope)) {
    throw invalid(`admin tokens: entry ${index} needs scopes out of ${Object.keys(ADMIN_SCOPES).join(', ')}`);
  }
  return { name, scopes, salt: value.salt, hash: value.hash };
}

function isScope(value: unknown): value is AdminScope {
  return typeof value === 'string' && Object.hasOwn(ADMIN_SCOPES, value);
}

function invalid(message: string): Error {
  return authErrors.create('invalid_admin_token_file', message);
}
