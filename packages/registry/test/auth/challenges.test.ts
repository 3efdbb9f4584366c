import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import { challenges, parseEnrollment, SignatureVerifier } from '../../src/auth/index.ts';
import { keyBytes, readVectors, signatureBytes } from './vectors.ts';
import type { SignatureVectors } from './vectors.ts';

const vectors = readVectors<SignatureVectors>('signatures.json');
const keyA = keyBytes(vectors.keys.A.public_key_b64);
const keyB = keyBytes(vectors.keys.B.public_key_b64);
const keyAText = vectors.keys.A.public_key_b64;

describe('challenges of the signature vectors', () => {
  const built: Readonly<Record<string, string>> = {
    register: challenges.register('203.0.113.10:4000', keyAText),
    'register (empty listen_addr)': challenges.register('', keyAText),
    rotate_key: challenges.rotateKey(7, vectors.keys.B.public_key_b64),
    lookup: challenges.lookup(7, 9),
    resolve: challenges.resolve(7, 9),
    resolve_hostname: challenges.resolveHostname(7),
    list_nodes: challenges.listNodes(7, 3),
    list_networks: challenges.listNetworks(7),
    check_trust: challenges.checkTrust(7, 9),
    heartbeat: challenges.heartbeat(7),
    'heartbeat (fresh)': challenges.heartbeatAt(7, 1_780_000_000),
    deregister: challenges.deregister(7),
    set_hostname: challenges.setHostname(7),
    set_tags: challenges.setTags(7),
    set_visibility: challenges.setVisibility(7),
    set_key_expiry: challenges.setKeyExpiry(7),
    'set_key_expiry (bound)': challenges.setKeyExpiryTo(7, '2027-01-01T00:00:00Z'),
    report_trust: challenges.reportTrust(7, 9),
    revoke_trust: challenges.revokeTrust(7, 9),
    request_handshake: challenges.requestHandshake(7, 9),
    poll_handshakes: challenges.pollHandshakes(7),
    respond_handshake: challenges.respondHandshake(7, 9),
    punch: challenges.punch(7, 9),
    join_network: challenges.joinNetwork(7, 3),
    leave_network: challenges.leaveNetwork(7, 3),
    invite_to_network: challenges.inviteToNetwork(7, 3, 9),
    poll_invites: challenges.pollInvites(7),
    respond_invite: challenges.respondInvite(7, 3),
    submit_badge: challenges.submitBadge(7, 'pilotbadge:v1:7:github:1780000000:0:bdg-v1:'),
    enroll_recovery: challenges.enrollRecovery(7, 'Q09NTUlU'),
  };
  /** Only servers of February 2026 know these two. */
  const legacy = new Set(['rotate_key (legacy form)', 'set_task_exec']);
  const current = vectors.challenges.filter((c) => !legacy.has(c.message_type));

  it('names every challenge once', () => {
    expect(Object.keys(built).sort()).toEqual(current.map((c) => c.message_type).sort());
    expect(Object.keys(built)).toHaveLength(Object.keys(challenges).length + 1);
  });

  it.each(current)('builds $message_type', ({ message_type: type, challenge }) => {
    expect(built[type]).toBe(challenge);
  });
});

interface ClientRequests {
  readonly json: readonly {
    readonly client_method: string;
    readonly challenge?: string;
    readonly message: Readonly<Record<string, unknown>> & { readonly type: string };
  }[];
}

type Fields = Readonly<Record<string, unknown>>;
const number = (m: Fields, name: string): number => Number(m[name]);
const text = (m: Fields, name: string): string => String(m[name]);

/** The challenge of a request, made from nothing but its own fields, as a handler does. */
const ofRequest: Readonly<Record<string, (m: Fields) => string>> = {
  register: (m) => challenges.register(text(m, 'listen_addr'), text(m, 'public_key')),
  rotate_key: (m) => challenges.rotateKey(number(m, 'node_id'), text(m, 'new_public_key')),
  resolve: (m) => challenges.resolve(number(m, 'requester_id'), number(m, 'node_id')),
  report_trust: (m) => challenges.reportTrust(number(m, 'node_id'), number(m, 'peer_id')),
  revoke_trust: (m) => challenges.revokeTrust(number(m, 'node_id'), number(m, 'peer_id')),
  set_visibility: (m) => challenges.setVisibility(number(m, 'node_id')),
  set_hostname: (m) => challenges.setHostname(number(m, 'node_id')),
  set_tags: (m) => challenges.setTags(number(m, 'node_id')),
  join_network: (m) => challenges.joinNetwork(number(m, 'node_id'), number(m, 'network_id')),
  leave_network: (m) => challenges.leaveNetwork(number(m, 'node_id'), number(m, 'network_id')),
  deregister: (m) => challenges.deregister(number(m, 'node_id')),
  heartbeat: (m) => challenges.heartbeat(number(m, 'node_id')),
  punch: (m) => challenges.punch(number(m, 'node_a'), number(m, 'node_b')),
  request_handshake: (m) => challenges.requestHandshake(number(m, 'from_node_id'), number(m, 'to_node_id')),
  poll_handshakes: (m) => challenges.pollHandshakes(number(m, 'node_id')),
  respond_handshake: (m) => challenges.respondHandshake(number(m, 'node_id'), number(m, 'peer_id')),
  invite_to_network: (m) =>
    challenges.inviteToNetwork(number(m, 'inviter_id'), number(m, 'network_id'), number(m, 'target_node_id')),
  poll_invites: (m) => challenges.pollInvites(number(m, 'node_id')),
  respond_invite: (m) => challenges.respondInvite(number(m, 'node_id'), number(m, 'network_id')),
  set_key_expiry: (m) => challenges.setKeyExpiry(number(m, 'node_id')),
  submit_badge: (m) => challenges.submitBadge(number(m, 'node_id'), text(m, 'badge')),
  enroll_recovery: (m) =>
    challenges.enrollRecovery(number(m, 'node_id'), parseEnrollment(text(m, 'enrollment')).commitment),
};

describe('signed requests of the reference client', () => {
  const signed = readVectors<ClientRequests>('client_requests.json').json.filter(
    (request) => typeof request.message['signature'] === 'string',
  );
  const verifier = new SignatureVerifier(seededRandom(1), { maxCachedVerifications: 64 });

  it('covers the messages that the client signs', () => {
    expect(new Set(signed.map((request) => request.message.type)).size).toBeGreaterThanOrEqual(18);
  });

  it.each(signed)('$client_method', async ({ challenge, message }) => {
    const build = ofRequest[message.type];
    expect(build).toBeDefined();
    const own = build?.(message) ?? '';
    if (challenge !== undefined) expect(own).toBe(challenge);
    // The vectors let node 9 answer node 7's handshake with its own key.
    const key = message.type === 'respond_handshake' ? keyB : keyA;
    expect(await verifier.verify(key, own, signatureBytes(text(message, 'signature')))).toBe(true);
  });
});
