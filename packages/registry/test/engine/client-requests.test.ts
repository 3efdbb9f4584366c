import { systemRandom } from '@muster/core';
import { Identity, verifySignature } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { KeyRing, SignatureVerifier } from '../../src/auth/index.ts';
import type { RegistryEvent } from '../../src/model/events.ts';
import { operations } from '../../src/operations/index.ts';
import { type Fields, Harness, START_SECONDS } from '../support/harness.ts';
import { loadVectors } from '../wire/vectors.ts';

interface Recorded {
  readonly client_method: string;
  readonly message: Fields & { readonly type: string };
}

interface Keys {
  readonly [name: string]: { readonly public_key_b64: string; readonly seed_hex: string };
}

const { json, keys } = loadVectors<{ json: Recorded[]; keys: Keys }>('client_requests.json');
const { challenges } = loadVectors<{ challenges: { challenge: string; signature_b64: string }[] }>(
  'signatures.json',
);

const known = new Set(operations.map((row) => row.type));
const recorded = json.filter(({ message }) => known.has(message.type));

const keyOf = (name: string): string => keys[name]?.public_key_b64 ?? '';

/** Requests that are refused, and with what text; all others succeed. */
const REFUSED: Readonly<Record<string, string>> = {
  Register: 'registration requires public_key',
  RegisterWithOwner: 'registration requires public_key',
  // The reference client does not sign role calls, and a bare node id proves nothing (B-09).
  'DeleteNetwork (as node)': 'signature required for authenticated node',
};

/** The key in the vectors' rings that has signed this statement. */
function ringFor(statement: unknown, signature: unknown): KeyRing {
  const text = String(statement);
  const parts = text.split(':');
  const kid = (text.startsWith('pilotbadge') ? parts[6] : parts.at(-1)) ?? '';
  for (const { public_key_b64 } of Object.values(keys)) {
    const key = Buffer.from(public_key_b64, 'base64');
    if (verifySignature(key, text, Buffer.from(String(signature), 'base64')))
      return new KeyRing(new Map([[kid, key]]));
  }
  return new KeyRing(new Map());
}

/** What the recorded requests expect to be there: nodes 7 and 9, which trust one another, and networks 3 and 4. */
function scene({ message }: Recorded): Harness {
  const acting = message.type === 'join_network' || message.type === 'leave_network' ? 9 : 7;
  const recoveryParts = String(message['recovery'] ?? '').split(':');
  const statement = message['badge'] ?? message['enrollment'] ?? message['recovery'];
  const signature = message['badge_sig'] ?? message['enrollment_sig'] ?? message['recovery_sig'];
  const ring = ringFor(statement, signature);
  const now = recoveryParts.length > 5 ? Number(recoveryParts[5]) - 60 : START_SECONDS;
  const outbound = {
    verifyIdentityToken: () => Promise.resolve('x-1'),
    validateToken: () => Promise.resolve({ verified: true, subject: 's', issuer: 'i' } as const),
  };
  const h = new Harness({
    adminToken: 'adm',
    verifier: new SignatureVerifier(systemRandom),
    badgeKeys: ring,
    recoveryKeys: ring,
    outbound,
    clock: new ManualClock(now * 1000),
  });
  const at = h.now;
  const isRegister = message.type === 'register';
  const node = (id: number): RegistryEvent => ({
    type: 'node.registered',
    id,
    at,
    key: keyOf(id === acting && !isRegister ? 'A' : id === acting ? 'B' : 'C'),
    realAddr: '203.0.113.1:1',
    ...(id === 9 && message.type === 'resolve_hostname' ? { hostname: 'alpha' } : {}),
  });
  const network = (id: number): RegistryEvent => ({
    type: 'network.created',
    id,
    name: `network-${id}`,
    joinRule: 'open',
    enterprise: id === 4,
    creator: 7,
    at,
  });
  h.commit(node(7), node(9), network(3), network(4));
  h.commit({ type: 'trust.reported', by: 7, peer: 9 }, { type: 'trust.reported', by: 9, peer: 7 });
  h.commit({ type: 'node.visibility', id: 9, public: true });
  if (message.type === 'leave_network')
    h.commit({ type: 'network.joined', network: 3, node: 9, role: 'member' });
  if (recoveryParts.length > 4) {
    h.commit({ type: 'recovery.enrolled', id: 7, commitment: recoveryParts[4] ?? '', provider: 'github' });
  }
  if (message.type === 'validate_token') {
    h.commit({
      type: 'settings.identity_provider',
      provider: { type: 'oidc', url: 'https://idp.example.com' },
    });
  }
  return h;
}

describe('every request of the reference client', () => {
  it.each(recorded.map((request) => [request.client_method, request] as const))(
    '%s',
    async (method, request) => {
      const h = scene(request);
      const { type, ...fields } = request.message;
      const reply = await h.ask(type, fields);
      if (REFUSED[method] === undefined) {
        expect(reply).toMatchObject({ type: `${type}_ok` });
        expect(reply).not.toHaveProperty('error');
      } else {
        expect(reply).toMatchObject({ type: 'error', error: REFUSED[method] });
      }
    },
  );

  it('covers every operation that this server has, but for those that the original has not', () => {
    const types = new Set(recorded.map(({ message }) => message.type));
    const ours = ['lease_acquire', 'lease_renew', 'lease_release'];
    expect([...known].filter((type) => !types.has(type))).toEqual(ours);
    expect(recorded.length).toBeGreaterThan(50);
  });
});

it('the recorded signatures are those of the challenges that the operations ask for', () => {
  const key = keys['A'];
  const identity = Identity.fromSeed(Buffer.from(key?.seed_hex ?? '', 'hex'));
  for (const { challenge, signature_b64 } of challenges) expect(identity.sign(challenge)).toBe(signature_b64);
});
