import { readFileSync } from 'node:fs';
import { MusterError } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { BREAKER_GUARDS, type BreakerName } from '../../src/breakers/index.ts';
import { operations } from '../../src/operations/index.ts';
import {
  ADMIN_TOKEN,
  type Fields,
  Harness,
  signedFields,
  signedV2,
  START_SECONDS,
} from '../support/harness.ts';
import { HeldVerifier } from '../support/signers.ts';

/** Types that a standby answers (spec 3.1), as far as this server has them. */
const STANDBY_TYPES = [
  'lookup resolve resolve_hostname list_networks list_nodes heartbeat check_trust get_key_info',
  'get_identity get_idp_config',
].flatMap((types) => types.split(' '));

/** Types of the protocol that this server does not have. */
const MISSING_TYPES = [
  'request_handshake poll_handshakes respond_handshake invite_to_network poll_invites respond_invite',
  'kick_member promote_member demote_member transfer_ownership get_member_role set_member_tags get_member_tags',
  'set_network_policy get_network_policy set_expr_policy get_expr_policy provision_network get_provision_status',
  'directory_sync directory_status get_audit_log set_audit_export get_audit_export set_webhook get_webhook',
  'get_webhook_dlq beacon_register beacon_list subscribe_replication update_polo_score set_polo_score get_polo_score',
  'set_task_exec',
].flatMap((types) => types.split(' '));

describe('a type that the server does not have', () => {
  it.each([...MISSING_TYPES, '', 'nonsense', '__proto__', 'constructor'])('"%s" is refused', async (type) => {
    const h = new Harness();
    const reply = await h.ask(type, { node_id: 1, admin_token: ADMIN_TOKEN });
    expect(reply).toEqual({ type: 'error', error: 'request failed', code: 'unknown_type' });
  });

  it('makes no label of its own in the metrics (B-07)', async () => {
    const h = new Harness();
    for (let i = 0; i < 20; i++) await h.ask(`type-${i}`);
    const text = await h.metrics.render();
    expect(text).toContain('pilot_requests_total{type="unknown"} 20');
    expect(text).not.toContain('type-1');
  });

  it('set_task_exec is answered when the operator wants legacy messages', async () => {
    const h = new Harness({ policy: { legacyMessages: true } });
    const a = await h.node();
    const fields = { node_id: a.id, enabled: true };
    expect(await h.askSigned('set_task_exec', fields, h.signer())).toMatchObject({ code: 'auth_signature' });
    expect(await h.succeed('set_task_exec', fields, a.signer)).toEqual({
      type: 'set_task_exec_ok',
      node_id: 1,
      task_exec: true,
    });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ task_exec: true });
  });
});

describe('a standby (spec 3.1)', () => {
  it.each(operations.map((row) => row.type))('gates %s', async (type) => {
    const h = new Harness({ standby: true });
    const reply = await h.ask(type, { admin_token: ADMIN_TOKEN });
    expect(reply['code'] === 'standby').toBe(!STANDBY_TYPES.includes(type));
    expect(h.log.records).toEqual([]);
  });

  it('says so for unknown types, too, and hides the text', async () => {
    const h = new Harness({ standby: true });
    expect(await h.ask('nonsense')).toEqual({ type: 'error', error: 'request failed', code: 'standby' });
  });

  it('takes heartbeats, and writes nothing even for a version 2 signature', async () => {
    const primary = new Harness();
    const a = await primary.node();
    const records = primary.log.records.length;
    const h = new Harness({ standby: true, state: primary.state, log: primary.log });
    const beat = signedV2('heartbeat', { node_id: a.id }, a.signer, h.now, 'nonce-0123456789');
    expect(await h.ask('heartbeat', beat)).toEqual({ type: 'heartbeat_ok', time: START_SECONDS });
    expect(h.log.records).toHaveLength(records);
  });
});

describe('a breaker (spec 3.2)', () => {
  const guarded = new Map(
    Object.entries(BREAKER_GUARDS).flatMap(([name, types]) => types.map((type) => [type as string, name])),
  );

  it.each(operations.map((row) => [row.type, row.breaker] as const))(
    'guards %s as specified',
    (type, breaker) => {
      expect(breaker).toBe(guarded.get(type));
    },
  );

  it.each(operations.flatMap((row) => (row.breaker === undefined ? [] : [[row.type, row.breaker] as const])))(
    'that is open refuses %s, and counts',
    async (type, name: BreakerName) => {
      const h = new Harness();
      h.breakers.get(name).set({ state: 'open', reason: 'drill' }, h.clock.now());
      expect(await h.ask(type)).toEqual({ type: 'error', error: 'request failed', code: 'breaker_open' });
      expect(h.breakers.get(name).deniedTotal).toBe(1);
      h.breakers.get(name).set({ state: 'half_open', reason: '' }, h.clock.now());
      expect(await h.ask(type)).not.toMatchObject({ code: 'breaker_open' });
      expect(h.breakers.get(name).allowedTotal).toBe(1);
    },
  );
});

describe('every error text', () => {
  it('of a row stands in the appendix of the specification, or is one of ours', () => {
    const vectors = readFileSync(new URL('../wire/error-texts.ts', import.meta.url), 'utf8');
    const ours = [
      'too many trust pairs (max %d)',
      'list too long for one message (max %d bytes): use limit and after',
      'rate limited: too many registrations from %s',
      'recovery expiry too far in the future',
      'set_identity_webhook: ..',
      'set_idp_config: ..',
      'invalid resource: want <network>:<name>, at most 256 printable characters',
      'invalid ttl_ms: want 1000 to 60000',
      'too many leases: %d are held',
      'too many leases: node %d holds %d',
      'lease not found: it has ended, or somebody else has got it',
    ];
    const unknown = operations.flatMap((row) => row.errors).filter((text) => !vectors.includes(text));
    expect(unknown.filter((text) => !ours.includes(text))).toEqual([]);
  });
});

describe('the read barrier', () => {
  it('holds an answer back that shows what is not durable yet', async () => {
    const h = new Harness();
    const a = await h.node();
    const b = await h.node({ hostname: 'other' });
    h.log.stall();
    const durable = h.log.durableSeq;
    const first = await h.execute(
      'register',
      signedFields('register', { public_key: h.signer().publicKeyBase64 }, a.signer),
    );
    expect(first.reply['error']).toBeDefined();
    const c = await h.node({ hostname: 'new', owner: 'ann' });
    await h.succeed('set_visibility', { node_id: a.id, public: true }, a.signer);
    const shows = async (type: string, fields: Fields): Promise<boolean> =>
      (await h.execute(type, fields)).seq > durable;
    expect(await shows('lookup', { node_id: c.id })).toBe(true);
    expect(await shows('lookup', { node_id: a.id })).toBe(true);
    // Nothing new about this one: its answer need not wait for the others'.
    expect(await shows('lookup', { node_id: b.id })).toBe(false);
    expect(await shows('heartbeat', signedFields('heartbeat', { node_id: b.id }, b.signer))).toBe(false);
    expect(
      await shows('resolve', signedFields('resolve', { node_id: a.id, requester_id: b.id }, b.signer)),
    ).toBe(true);
    for (const [type, fields] of [
      ['get_identity', { node_id: c.id, admin_token: ADMIN_TOKEN }],
      ['get_key_info', { node_id: c.id }],
      ['list_nodes', { network_id: 0, admin_token: ADMIN_TOKEN }],
      ['list_networks', {}],
      ['check_trust', { node_id: a.id, peer_id: b.id }],
    ] as const) {
      expect([type, await shows(type, fields)]).toEqual([type, true]);
    }
  });

  it('holds a refusal back that follows from what is not durable yet', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha' });
    h.log.stall();
    await h.succeed('deregister', { node_id: a.id }, a.signer);
    const { reply, seq } = await h.execute('lookup', { node_id: a.id });
    expect(reply).toMatchObject({ code: 'not_found' });
    expect(seq).toBeGreaterThan(h.log.durableSeq);
  });

  it('holds an answer back that an undurable trust or network made possible', async () => {
    const h = new Harness();
    const [a, b] = [await h.node(), await h.node()];
    const network = await h.network('one', a.id);
    h.log.stall();
    await h.join(b, network);
    const ask = signedFields('resolve', { node_id: a.id, requester_id: b.id }, b.signer);
    const { reply, seq } = await h.execute('resolve', ask);
    expect(reply).toMatchObject({ type: 'resolve_ok' });
    expect(seq).toBe(h.log.appendedSeq);
  });
});

describe('when something fails', () => {
  it('a log that is behind refuses writes, and goes on answering reads', async () => {
    const h = new Harness();
    const a = await h.node();
    h.log.congested = true;
    expect(await h.ask('register', {})).toMatchObject({ code: 'overloaded', retry_after_ms: 1000 });
    expect(await h.ask('lookup', { node_id: a.id })).toMatchObject({ type: 'lookup_ok' });
  });

  it('a log that refuses a record changes nothing', async () => {
    const h = new Harness();
    const a = await h.node();
    h.log.failure = new MusterError('LOG_RECORD_TOO_LARGE', 'too large');
    const fields = { node_id: a.id, hostname: 'alpha' };
    expect(await h.askSigned('set_hostname', fields, a.signer)).toMatchObject({ code: 'invalid_request' });
    expect(h.state.nodes.slotOfHostname('alpha')).toBe(-1);
    h.log.failure = new Error('disk on fire');
    expect(await h.askSigned('set_hostname', fields, a.signer)).toEqual({
      type: 'error',
      error: 'request failed',
      code: 'internal',
    });
    expect(await h.metrics.render()).toContain('pilot_recovered_panics_total 1');
    expect(await h.askSigned('set_hostname', fields, a.signer)).toMatchObject({ hostname: 'alpha' });
  });

  it('an event that cannot be applied stops the process', () => {
    const h = new Harness();
    expect(() => h.commit({ type: 'node.tags', id: 77, tags: [] })).toThrow();
    expect(h.broken).toHaveLength(1);
  });
});

describe('while a signature is being checked', () => {
  it('the state may change: the request is decided on what is there afterwards', async () => {
    const verifier = new HeldVerifier();
    const h = new Harness({ verifier });
    const a = { id: 1, signer: h.signer() };
    const key = a.signer.publicKeyBase64;
    h.commit({ type: 'node.registered', id: 1, key, at: h.now });
    const rename = h.askSigned('set_hostname', { node_id: 1, hostname: 'late' }, a.signer);
    const beat = h.askSigned('heartbeat', { node_id: 1 }, a.signer);
    h.commit({ type: 'key.rotated', id: 1, key: h.signer().publicKeyBase64, at: h.now });
    verifier.release();
    expect(await rename).toMatchObject({ error: 'request failed', code: 'conflict' });
    expect(await beat).toMatchObject({ code: 'conflict' });
    const gone = h.askSigned('set_hostname', { node_id: 1, hostname: 'late' }, h.signer());
    h.commit({ type: 'node.deregistered', id: 1, at: h.now }, { type: 'tombstones.evicted', ids: [1] });
    verifier.release();
    expect(await gone).toMatchObject({ type: 'error' });
    expect(h.log.records).toHaveLength(4);
  });

  it('two registrations of one new key make one node', async () => {
    const verifier = new HeldVerifier();
    const h = new Harness({ verifier });
    const signer = h.signer();
    const message = { public_key: signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    const both = [1, 2].map(() => h.askSigned('register', message, signer));
    verifier.release();
    const replies = await Promise.all(both);
    expect(replies.map((reply) => reply['node_id'])).toEqual([1, 1]);
    expect(h.state.nodes.liveCount).toBe(1);
  });

  it('a version 2 request that came twice at the same time is taken once', async () => {
    const verifier = new HeldVerifier();
    const h = new Harness({ verifier });
    const signer = h.signer();
    h.commit({ type: 'node.registered', id: 1, key: signer.publicKeyBase64, at: h.now });
    const message = signedV2('set_tags', { node_id: 1, tags: ['x'] }, signer, h.now, 'nonce-0123456789');
    const both = [1, 2].map(() => h.ask('set_tags', message));
    verifier.release();
    const codes = (await Promise.all(both)).map((reply) => reply['code']);
    expect(codes.sort()).toEqual(['auth_signature', undefined]);
  });
});
