import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, BEACON, Harness, signedFields, START_SECONDS } from '../support/harness.ts';

const refusal = (error: string, code: string) => ({ type: 'error', error, code });
const notFound = (id: number) => refusal(`node ${id}: node not found`, 'not_found');

describe('lookup', () => {
  it('shows exactly the members of a plain private node', async () => {
    const h = new Harness();
    const a = await h.node();
    expect(await h.ask('lookup', { node_id: a.id })).toEqual({
      type: 'lookup_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      networks: [0],
      public_key: a.signer.publicKeyBase64,
      public: false,
      last_seen_unix: START_SECONDS,
      key_generation: 0,
    });
  });

  it('shows everything that a public node has, and never owner, external id or LAN addresses', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha', version: '1.2', owner: 'ann', lan_addrs: ['10.0.0.1:4000'] });
    const network = await h.network('one', a.id);
    const badge = `pilotbadge:v1:1:github:1:${h.now + 10}:k:s`;
    h.commit(
      { type: 'node.tags', id: 1, tags: ['gpu'] },
      { type: 'node.visibility', id: 1, public: true },
      { type: 'node.external_id', id: 1, externalId: 'secret-id' },
      {
        type: 'badge.submitted',
        id: 1,
        badge,
        badgeSig: 'c2ln',
        provider: 'github',
        verifiedAt: '2026-01-01T00:00:00Z',
      },
    );
    const expected = {
      type: 'lookup_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      networks: [0, network],
      public_key: a.signer.publicKeyBase64,
      public: true,
      last_seen_unix: START_SECONDS,
      key_generation: 0,
      hostname: 'alpha',
      tags: ['gpu'],
      version: '1.2',
      real_addr: '203.0.113.5:4000',
      endpoint: '203.0.113.5:4000',
      verified: true,
      badge,
      badge_sig: 'c2ln',
      verification_provider: 'github',
      verified_at: '2026-01-01T00:00:00Z',
    };
    expect(await h.ask('lookup', { node_id: 1 })).toEqual(expected);
    h.advance(11);
    const { verified: _, ...expired } = expected;
    expect(await h.ask('lookup', { node_id: 1 })).toEqual(expired);
  });

  it('refuses unknown ids, and numbers that are none', async () => {
    const h = new Harness();
    await h.node();
    expect(await h.ask('lookup', { node_id: 9 })).toEqual(notFound(9));
    expect(await h.ask('lookup', { node_id: '1' })).toEqual(notFound(0));
    expect(await h.ask('lookup', { node_id: -1 })).toEqual(notFound(0));
    expect(await h.ask('lookup', { node_id: 1.9 })).toMatchObject({ node_id: 1 });
  });

  it('in strict directory mode hides private nodes in one and the same way', async () => {
    const h = new Harness({ policy: { strictDirectoryAuth: true } });
    const [hidden, friend, stranger] = [await h.node(), await h.node(), await h.node()];
    await h.befriend(hidden, friend);
    const by = (requester: number) => ({ node_id: hidden.id, requester_id: requester });
    expect(await h.ask('lookup', by(0))).toEqual(notFound(1));
    expect(await h.ask('lookup', by(99))).toEqual(notFound(1));
    for (const [requester, signer] of [
      [stranger.id, stranger.signer],
      [friend.id, stranger.signer],
    ] as const) {
      const reply = await h.askSigned('lookup', by(requester), signer);
      expect(reply['error']).toBe('node 1: node not found');
    }
    expect(await h.ask('lookup', { ...by(friend.id), signature: '?' })).toMatchObject({
      error: 'node 1: node not found',
    });
    expect(await h.askSigned('lookup', by(friend.id), friend.signer)).toMatchObject({ node_id: 1 });
    await h.succeed('set_visibility', { node_id: 1, public: true }, hidden.signer);
    expect(await h.ask('lookup', by(0))).toMatchObject({ node_id: 1 });
  });
});

describe('resolve', () => {
  it('shows addresses and the age of the key to a node of the same network', async () => {
    const h = new Harness();
    const a = await h.node({ lan_addrs: ['10.0.0.1:4000'] });
    const b = await h.node();
    const network = await h.network('one', a.id);
    await h.join(b, network);
    h.advance(3 * 86_400 + 5);
    expect(await h.succeed('resolve', { node_id: a.id, requester_id: b.id }, b.signer)).toEqual({
      type: 'resolve_ok',
      node_id: 1,
      real_addr: '203.0.113.5:4000',
      lan_addrs: ['10.0.0.1:4000'],
      key_age_days: 3,
    });
  });

  it('checks the requester, its signature, the target, and then whether it may', async () => {
    const h = new Harness();
    const a = await h.node();
    const b = await h.node();
    const ask = (node_id: number, requester_id: number) => ({ node_id, requester_id });
    expect(await h.ask('resolve', ask(99, 98))).toEqual(refusal('request failed', 'not_found'));
    expect(await h.ask('resolve', ask(99, b.id))).toMatchObject({
      error: 'signature required for authenticated node',
    });
    expect(await h.askSigned('resolve', ask(99, b.id), b.signer)).toEqual(notFound(99));
    expect(await h.askSigned('resolve', ask(a.id, b.id), b.signer)).toEqual(
      refusal('request failed', 'private'),
    );
    const strict = new Harness({ state: h.state, log: h.log, policy: { strictDirectoryAuth: true } });
    expect(await strict.askSigned('resolve', ask(a.id, b.id), b.signer)).toEqual(notFound(1));
  });
});

describe('resolve_hostname', () => {
  it('finds public nodes for everybody', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha' });
    expect(await h.ask('resolve_hostname', {})).toEqual(refusal('hostname required', 'invalid_request'));
    const hidden = refusal('hostname "alpha" not found', 'not_found');
    expect(await h.ask('resolve_hostname', { hostname: 'alpha' })).toEqual(hidden);
    await h.succeed('set_visibility', { node_id: 1, public: true }, a.signer);
    expect(await h.ask('resolve_hostname', { hostname: 'alpha' })).toEqual({
      type: 'resolve_hostname_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      public: true,
      hostname: 'alpha',
      last_seen_unix: START_SECONDS,
    });
    h.commit({ type: 'nodes.reaped', ids: [1], at: h.now });
    expect(await h.ask('resolve_hostname', { hostname: 'alpha' })).toEqual(hidden);
  });
});

describe('punch', () => {
  it('checks the requester, its part in it, its signature, both nodes, and then whether it may', async () => {
    const h = new Harness();
    const [a, b] = [await h.node(), await h.node({ relay_only: true })];
    const ask = (requester_id: number, node_a: number, node_b: number) => ({ requester_id, node_a, node_b });
    expect(await h.ask('punch', ask(99, 1, 2))).toEqual(notFound(99));
    expect(await h.ask('punch', ask(1, 2, 2))).toEqual(refusal('request failed', 'denied'));
    expect(await h.ask('punch', ask(1, 1, 99))).toMatchObject({ code: 'auth_signature' });
    expect(await h.askSigned('punch', ask(1, 1, 99), a.signer)).toEqual(notFound(99));
    expect(await h.askSigned('punch', ask(1, 1, 2), a.signer)).toEqual(refusal('request failed', 'private'));
    await h.befriend(a, b);
    expect(await h.askSigned('punch', ask(1, 1, 2), a.signer)).toEqual({
      type: 'punch_ok',
      node_a: 1,
      node_a_addr: '203.0.113.5:4000',
      node_b: 2,
      node_b_addr: BEACON,
    });
  });
});

describe('deregister', () => {
  it('takes the node out of everything, and the same key gets its id again', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha' });
    const b = await h.node();
    const network = await h.network('one', a.id);
    await h.join(b, network);
    await h.befriend(a, b);
    expect(await h.succeed('deregister', { node_id: 1 }, a.signer)).toEqual({ type: 'deregister_ok' });
    expect(h.audits.slice(-2)).toEqual([
      { action: 'node.deregistered', nodeId: 1 },
      { action: 'network.owner_lost', nodeId: 1, networkId: network },
    ]);
    expect((await h.ask('list_nodes', { network_id: network }))['nodes']).toMatchObject([{ node_id: 2 }]);
    // The name is free at once, the trust stays.
    expect(await h.askSigned('set_hostname', { node_id: 2, hostname: 'alpha' }, b.signer)).toMatchObject({
      hostname: 'alpha',
    });
    expect((await h.node({}, undefined, a.signer)).id).toBe(1);
    expect(await h.ask('check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: true });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ networks: [0] });
  });

  it('answers ok for an unknown id, without any check and without an event', async () => {
    const h = new Harness();
    expect(await h.ask('deregister', { node_id: 77 })).toEqual({ type: 'deregister_ok' });
    expect(h.log.records).toEqual([]);
  });
});

describe('the setters', () => {
  it('answer with what is in force, and write it down', async () => {
    const h = new Harness();
    const a = await h.node();
    const by = { node_id: 1 };
    expect(await h.succeed('set_hostname', { ...by, hostname: 'alpha' }, a.signer)).toEqual({
      type: 'set_hostname_ok',
      node_id: 1,
      hostname: 'alpha',
    });
    expect(await h.succeed('set_tags', { ...by, tags: ['#gpu', 'x', 'gpu', 7] }, a.signer)).toEqual({
      type: 'set_tags_ok',
      node_id: 1,
      tags: ['gpu', 'x'],
    });
    expect(await h.succeed('set_visibility', { ...by, public: true }, a.signer)).toEqual({
      type: 'set_visibility_ok',
      node_id: 1,
      visibility: 'public',
    });
    expect(h.audits.slice(-3).map((note) => note.action)).toEqual([
      'hostname.changed',
      'tags.changed',
      'visibility.changed',
    ]);
    expect(h.events.slice(-3).map(({ event }) => event.type)).toEqual([
      'node.hostname',
      'node.tags',
      'node.visibility',
    ]);
    expect(await h.succeed('set_tags', by, a.signer)).toEqual({
      type: 'set_tags_ok',
      node_id: 1,
      tags: null,
    });
    expect(await h.succeed('set_hostname', { ...by, hostname: '' }, a.signer)).toMatchObject({
      hostname: '',
    });
    expect(await h.ask('lookup', by)).not.toHaveProperty('hostname');
  });

  it('answer the same value once more without an event: daemons announce their name every minute', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha' });
    const by = { node_id: 1 };
    await h.succeed('set_tags', { ...by, tags: ['gpu', 'x'] }, a.signer);
    await h.succeed('set_visibility', { ...by, public: true }, a.signer);
    const [events, audits] = [h.events.length, h.audits.length];
    expect(await h.succeed('set_hostname', { ...by, hostname: 'alpha' }, a.signer)).toMatchObject({
      hostname: 'alpha',
    });
    expect(await h.succeed('set_tags', { ...by, tags: ['#gpu', 'x'] }, a.signer)).toMatchObject({
      tags: ['gpu', 'x'],
    });
    expect(await h.succeed('set_visibility', { ...by, public: true }, a.signer)).toMatchObject({
      visibility: 'public',
    });
    expect([h.events.length, h.audits.length]).toEqual([events, audits]);
  });

  it.each<[string, object, string]>([
    ['set_hostname', { hostname: 'x'.repeat(64) }, 'invalid hostname: hostname too long (max 63 chars)'],
    ['set_hostname', { hostname: 'localhost' }, 'invalid hostname: hostname "localhost" is reserved'],
    ['set_hostname', { hostname: 'taken' }, 'hostname "taken" already in use by node 2'],
    ['set_tags', { tags: Array.from({ length: 11 }, (_, i) => `t${i}`) }, 'too many tags (max 10)'],
    ['set_tags', { tags: ['x'.repeat(33)] }, `tag "${'x'.repeat(33)}" too long (max 32 chars)`],
    ['set_tags', { tags: ['#'] }, 'request failed'],
    ['set_tags', { tags: ['Bad'] }, 'request failed'],
  ])('%s refuses %j', async (type, fields, error) => {
    const h = new Harness();
    const a = await h.node();
    await h.node({ hostname: 'taken' });
    expect(await h.askSigned(type, { node_id: 1, ...fields }, a.signer)).toMatchObject({ error });
  });

  it.each(['set_hostname', 'set_tags', 'set_visibility', 'set_key_expiry'])(
    '%s refuses an unknown node',
    async (type) => {
      expect(await new Harness().ask(type, { node_id: 5, admin_token: ADMIN_TOKEN })).toEqual(notFound(5));
    },
  );
});

describe('heartbeat', () => {
  it('answers to the byte, also when the key expires within a day', async () => {
    const h = new Harness();
    const a = await h.node();
    const beat = signedFields('heartbeat', { node_id: 1 }, a.signer);
    const { text } = await h.execute('heartbeat', beat);
    expect(text).toBe(`{"time":${h.now},"type":"heartbeat_ok"}`);
    h.commit({ type: 'key.expiry', id: 1, expiresAt: h.now + 86_401 });
    expect((await h.execute('heartbeat', beat)).text).toBe(text);
    h.commit({ type: 'key.expiry', id: 1, expiresAt: h.now + 86_400 });
    expect((await h.execute('heartbeat', beat)).text).toBe(
      `{"key_expiry_warning":true,"time":${h.now},"type":"heartbeat_ok"}`,
    );
    h.advance(86_400);
    expect(await h.ask('heartbeat', beat)).toEqual(
      refusal('node 1: key expired at 2026-03-05T05:06:07Z', 'key_expired'),
    );
    expect(h.audits.at(-1)).toEqual({ action: 'key.expired_heartbeat_blocked', nodeId: 1 });
  });

  it('is a sign of life, and nothing that is written down', async () => {
    const h = new Harness();
    const a = await h.node();
    const records = h.log.records.length;
    h.advance(30);
    await h.succeed('heartbeat', { node_id: 1 }, a.signer);
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ last_seen_unix: START_SECONDS + 30 });
    expect(h.log.records).toHaveLength(records);
  });

  it('needs no new signature on its connection for 120 s, and one everywhere else (B-25)', async () => {
    const h = new Harness();
    const a = await h.node();
    const caller = h.caller();
    await h.succeed('heartbeat', { node_id: 1 }, a.signer, caller);
    const garbage = { node_id: 1, signature: 'garbage' };
    expect(await h.ask('heartbeat', garbage, caller)).toMatchObject({ type: 'heartbeat_ok' });
    expect(await h.ask('heartbeat', garbage)).toMatchObject({ code: 'auth_signature' });
    h.advance(119);
    expect(await h.ask('heartbeat', garbage, caller)).toMatchObject({ type: 'heartbeat_ok' });
    h.advance(1);
    expect(await h.ask('heartbeat', garbage, caller)).toMatchObject({ code: 'auth_signature' });
  });

  it('is proven by a registration that was signed, and ends with the key', async () => {
    const h = new Harness();
    const caller = h.caller();
    const a = await h.node({}, caller);
    expect(await h.ask('heartbeat', { node_id: 1 }, caller)).toMatchObject({ type: 'heartbeat_ok' });
    const rotation = { node_id: 1, new_public_key: h.signer().publicKeyBase64 };
    await h.succeed('rotate_key', rotation, a.signer, caller);
    expect(await h.ask('heartbeat', { node_id: 1 }, caller)).toMatchObject({ code: 'auth_signature' });
  });

  it('carries a fresh time while freshness is enforced', async () => {
    const h = new Harness({ policy: { strictHeartbeatFreshness: true } });
    const caller = h.caller();
    const a = await h.node({}, caller);
    const at = (ts: number) => h.askSigned('heartbeat', { node_id: 1, ts }, a.signer, caller);
    expect(await h.ask('heartbeat', { node_id: 1 }, caller)).toMatchObject({
      error: 'heartbeat requires a ts field',
    });
    expect(await at(h.now - 61)).toEqual(refusal('request failed', 'auth_signature'));
    expect(await at(h.now + 60)).toMatchObject({ type: 'heartbeat_ok' });
    expect(await h.ask('heartbeat', { node_id: 1, ts: h.now }, caller)).toMatchObject({
      code: 'auth_signature',
    });
  });

  it('is refused for an unknown node, and for one without a key', async () => {
    const h = new Harness();
    expect(await h.ask('heartbeat', { node_id: 4 })).toEqual(notFound(4));
    h.state.nodes.setLive(h.state.nodes.insert(4, undefined), true, 0);
    expect(await h.ask('heartbeat', { node_id: 4 })).toEqual(
      refusal('node has no public key: signature or admin token required', 'auth_signature'),
    );
    const setTags = { node_id: 4, tags: ['x'] };
    expect(await h.ask('set_tags', setTags)).toMatchObject({ code: 'auth_signature' });
    expect(await h.ask('set_tags', { ...setTags, admin_token: ADMIN_TOKEN })).toMatchObject({ tags: ['x'] });
  });
});

describe('trust', () => {
  it('needs two different nodes that exist, and an end needs a beginning', async () => {
    const h = new Harness({ limits: { maxTrustPerNode: 2 } });
    const nodes = [await h.node(), await h.node(), await h.node(), await h.node()];
    const [a] = nodes;
    const report = (peer_id: number) =>
      h.askSigned('report_trust', { node_id: 1, peer_id }, a?.signer as never);
    expect(await report(9)).toEqual(notFound(9));
    expect(await report(1)).toMatchObject({ code: 'invalid_request' });
    expect(await report(2)).toEqual({ type: 'report_trust_ok' });
    expect(h.audits.at(-1)).toMatchObject({
      action: 'trust.created',
      details: { peer: 2, effective: false },
    });
    expect(await report(2)).toEqual({ type: 'report_trust_ok' });
    expect(await report(3)).toEqual({ type: 'report_trust_ok' });
    expect(await report(4)).toEqual(refusal('too many trust pairs (max 2)', 'limit_reached'));
    const revoke = (peer_id: number) =>
      h.askSigned('revoke_trust', { node_id: 1, peer_id }, a?.signer as never);
    expect(await revoke(4)).toEqual(refusal('request failed', 'not_found'));
    expect(await revoke(3)).toEqual({ type: 'revoke_trust_ok' });
    expect(await report(4)).toEqual({ type: 'report_trust_ok' });
  });

  it('is told to participants only in strict directory mode', async () => {
    const h = new Harness({ policy: { strictDirectoryAuth: true } });
    const [a, b, c] = [await h.node(), await h.node(), await h.node()];
    await h.befriend(a, b);
    const ask = (requester_id: number) => ({ node_id: 1, peer_id: 2, requester_id });
    expect(await h.askSigned('check_trust', ask(c.id), c.signer)).toEqual(
      refusal('request failed', 'denied'),
    );
    expect(await h.ask('check_trust', ask(b.id))).toMatchObject({ code: 'auth_signature' });
    expect(await h.askSigned('check_trust', ask(b.id), b.signer)).toMatchObject({ trusted: true });
  });

  it('is true for two that share a network', async () => {
    const h = new Harness();
    const [a, b] = [await h.node(), await h.node()];
    expect(await h.ask('check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: false });
    await h.join(b, await h.network('one', a.id));
    expect(await h.ask('check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: true });
  });
});
