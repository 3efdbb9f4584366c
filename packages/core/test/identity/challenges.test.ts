import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  actingNodeField,
  challengeFor,
  challenges,
  enrollmentCommitment,
  Identity,
} from '../../src/identity/index.ts';

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/registry/${name}`, import.meta.url), 'utf8'));

const signatures = load('signatures.json') as {
  keys: Record<'A' | 'B', { seed_hex: string }>;
  challenges: readonly { message_type: string; challenge: string }[];
};
const requests = load('client_requests.json') as {
  json: readonly { client_method: string; message: Record<string, unknown>; challenge?: string }[];
};

const identityOf = (key: 'A' | 'B'): Identity =>
  Identity.fromSeed(Buffer.from(signatures.keys[key].seed_hex, 'hex'));

const A_KEY = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=';
const B_KEY = 'Kay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdc=';

describe('challenges', () => {
  it('are the texts of the reference, one for each vector', () => {
    const ours: Record<string, string> = {
      register: challenges.register('203.0.113.10:4000', A_KEY),
      'register (empty listen_addr)': challenges.register('', A_KEY),
      rotate_key: challenges.rotateKey(7, B_KEY),
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
    // Two rows belong to the server of February 2026 only.
    const legacy = new Set(['rotate_key (legacy form)', 'set_task_exec']);
    const expected = signatures.challenges.filter((one) => !legacy.has(one.message_type));
    expect(expected).toHaveLength(Object.keys(ours).length);
    for (const { message_type, challenge } of expected) expect(ours[message_type]).toBe(challenge);
  });

  it('are found from the message, for each request of the reference client', () => {
    const signed = requests.json.filter((one) => one.challenge !== undefined);
    expect(signed.length).toBeGreaterThan(15);
    for (const { message, challenge } of signed) {
      expect(challengeFor(String(message['type']), message)).toBe(challenge);
    }
  });

  it('sign to what the reference client sends where its caller signs', () => {
    const own = requests.json.filter(
      (one) => one.challenge === undefined && typeof one.message['signature'] === 'string',
    );
    expect(own).toHaveLength(5);
    for (const { message } of own) {
      const signer = identityOf(message['type'] === 'respond_handshake' ? 'B' : 'A');
      expect(signer.sign(challengeFor(String(message['type']), message) ?? '')).toBe(message['signature']);
    }
  });

  it('read a fresh heartbeat from its ts', () => {
    expect(challengeFor('heartbeat', { node_id: 7 })).toBe('heartbeat:7');
    expect(challengeFor('heartbeat', { node_id: 7, ts: 1_780_000_000 })).toBe('heartbeat:7:1780000000');
  });

  it('do not exist for other types, nor for names of Object.prototype', () => {
    for (const type of ['create_network', 'constructor', '__proto__', '']) {
      expect(challengeFor(type, {})).toBeUndefined();
    }
  });
});

describe('actingNodeField', () => {
  it('names the field of the signer', () => {
    expect(actingNodeField('register')).toBeUndefined();
    expect(actingNodeField('resolve')).toBe('requester_id');
    expect(actingNodeField('request_handshake')).toBe('from_node_id');
    expect(actingNodeField('invite_to_network')).toBe('inviter_id');
    expect(actingNodeField('set_tags')).toBe('node_id');
  });
});

describe('enrollmentCommitment', () => {
  it('reads the statement', () => {
    expect(enrollmentCommitment('pilotenroll:v1:7:github:Q09NTUlU:1780000000:bdg-v1')).toBe('Q09NTUlU');
    expect(enrollmentCommitment('pilotenroll:v2:7:github:Q09NTUlU:1780000000:bdg-v1')).toBeUndefined();
    expect(enrollmentCommitment('pilotenroll:v1:7')).toBeUndefined();
  });
});
