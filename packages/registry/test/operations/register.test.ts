import { KeyRing } from '../../src/auth/index.ts';
import { formatRecovery } from '../../src/auth/statements.ts';
import { describe, expect, it } from 'vitest';
import { NodeFlag } from '../../src/model/node-table.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { ADMIN_TOKEN, type Fields, Harness, signedFields, START_SECONDS } from '../support/harness.ts';
import { emptyDirectory, replay } from '../support/restore.ts';
import { FakeSigner } from '../support/signers.ts';

const DAY = 86_400;

function registration(h: Harness, fields: Fields = {}): { signer: FakeSigner; message: Fields } {
  const signer = h.signer() as FakeSigner;
  return {
    signer,
    message: { public_key: signer.publicKeyBase64, listen_addr: '203.0.113.5:4000', ...fields },
  };
}

describe('a new node', () => {
  it('gets exactly the members of the reply, and joins the backbone', async () => {
    const h = new Harness();
    const { signer, message } = registration(h, { hostname: 'alpha', owner: 'ann' });
    const reply = await h.askSigned('register', message, signer, h.caller('203.0.113.5', 41_000));
    expect(reply).toEqual({
      type: 'register_ok',
      node_id: 1,
      network_id: 0,
      address: '0:0000.0000.0001',
      public_key: signer.publicKeyBase64,
      observed_addr: '203.0.113.5:41000',
      protocol_version: 1,
      hostname: 'alpha',
    });
    expect(h.audits.at(-1)).toMatchObject({ action: 'node.registered', details: { mode: 'new_node' } });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ networks: [0], public: false });
  });

  it('gets the next id, and ids are never handed out again', async () => {
    const h = new Harness();
    const a = await h.node();
    h.commit({ type: 'node.deregistered', id: a.id, at: h.now }, { type: 'tombstones.evicted', ids: [a.id] });
    expect((await h.node()).id).toBe(2);
  });

  it('may be unsigned, and then is not bound to signatures', async () => {
    const h = new Harness();
    const { message } = registration(h);
    expect(await h.ask('register', message)).toMatchObject({ type: 'register_ok', node_id: 1 });
    expect(await h.ask('register', { ...message, version: '2' })).toMatchObject({ node_id: 1 });
    expect(h.audits.at(-1)).toMatchObject({ details: { mode: 'fast_path_endpoint_refresh' } });
  });

  it.each([
    [{}, 'registration requires public_key'],
    [{ public_key: 'AAAA' }, 'invalid public key: invalid public key size: 3'],
    [{ public_key: 'AAAA', signature: 'AAAA' }, 'registration: invalid public_key'],
    [{ public_key: Buffer.alloc(32).toString('base64') }, 'invalid public key: weak key'],
    [
      { public_key: Buffer.from([1, ...Buffer.alloc(31)]).toString('base64') },
      'invalid public key: weak key',
    ],
  ])('is refused for %j', async (fields, error) => {
    const h = new Harness();
    expect(await h.ask('register', fields)).toMatchObject({ error, code: 'invalid_request' });
    expect(h.state.nodes.usedSlots).toBe(0);
  });

  it.each([
    [{ owner: 'o'.repeat(257) }, 'owner too long (max 256)'],
    [{ version: 'v'.repeat(65) }, 'version too long (max 64)'],
    [{ lan_addrs: Array.from({ length: 17 }, () => '10.0.0.1:1') }, 'lan_addrs too long (max 16)'],
    [{ lan_addrs: ['router:1'] }, 'invalid lan_addrs entry: "router:1"'],
    [{ identity_token: 't'.repeat(257) }, 'identity_token too long (max 256)'],
  ])('is refused when a field is past its limit (B-11): %j', async (fields, error) => {
    const h = new Harness();
    const { signer, message } = registration(h, fields);
    expect(await h.askSigned('register', message, signer)).toMatchObject({ error });
  });

  it('is registered without a bad hostname, and told so', async () => {
    const h = new Harness();
    const { message } = registration(h, { hostname: 'Not A Name' });
    expect(await h.ask('register', message)).toMatchObject({
      type: 'register_ok',
      hostname_error: 'hostname must be lowercase alphanumeric with hyphens, start/end with alphanumeric',
    });
  });

  it('is refused when no more new keys may come from its address', async () => {
    const h = new Harness();
    const caller = h.caller('198.51.100.9');
    caller.admitsNewKeys = false;
    const { message } = registration(h);
    expect(await h.ask('register', message, caller)).toMatchObject({
      error: 'rate limited: too many registrations from 198.51.100.9',
      code: 'rate_limited',
      retry_after_ms: 1000,
    });
  });

  it('is refused when the registry is full, which known keys do not mind', async () => {
    const h = new Harness({ limits: { maxNodes: 2, maxTombstones: 2 } });
    const a = await h.node();
    await h.node();
    const { message } = registration(h);
    expect(await h.ask('register', message)).toMatchObject({
      error: 'request failed',
      code: 'registry_full',
    });
    expect((await h.node({}, undefined, a.signer)).id).toBe(a.id);
  });

  it('is refused, and breaks nothing, when identities that are gone take up the whole table', async () => {
    const h = new Harness({ limits: { maxNodes: 2, maxTombstones: 1 } });
    for (let i = 0; i < 4; i++) {
      const { id } = await h.node();
      h.commit({ type: 'node.deregistered', id, at: h.now });
    }
    const { message } = registration(h);
    expect(await h.ask('register', message)).toMatchObject({ code: 'registry_full' });
    expect(h.broken).toEqual([]);
  });

  it('gets a random id when the operator wants that (B-28), and the counter stays', async () => {
    const h = new Harness({ policy: { idAllocation: 'random' } });
    const ids = [];
    for (let i = 0; i < 20; i++) ids.push((await h.node()).id);
    expect(new Set(ids).size).toBe(20);
    expect(Math.max(...ids)).toBeGreaterThan(1_000_000);
    expect(h.state.nextNode).toBe(1);
    expect(dumpDirectory(replay(emptyDirectory(), h.log.records))).toEqual(dumpDirectory(h.state));
  });
});

describe('the endpoint (B-15)', () => {
  it.each<[string, boolean, string]>([
    ['', true, '203.0.113.5:41000'],
    ['nonsense', true, '203.0.113.5:41000'],
    ['10.1.2.3:4000', true, '203.0.113.5:4000'],
    ['0.0.0.0:4000', false, '203.0.113.5:4000'],
    ['198.51.100.200:4000', false, '203.0.113.5:4000'],
    ['198.41.0.4:4000', true, '198.41.0.4:4000'],
    ['198.41.0.4:4000', false, '203.0.113.5:4000'],
    ['example.org:4000', true, '203.0.113.5:4000'],
    ['198.41.0.4:0', true, '203.0.113.5:41000'],
  ])('claimed as "%s" (signed: %s) is stored as %s', async (listen_addr, isSigned, stored) => {
    const h = new Harness();
    const { signer, message } = registration(h, { listen_addr });
    await h.succeed('register', message, isSigned ? signer : undefined, h.caller('203.0.113.5', 41_000));
    h.commit({ type: 'node.visibility', id: 1, public: true });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ real_addr: stored, endpoint: stored });
  });
});

describe('a node that registers again', () => {
  it('refreshes its endpoint without an event when nothing has changed', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha' });
    const records = h.log.records.length;
    h.advance(50);
    await h.node({ hostname: 'alpha' }, undefined, a.signer);
    expect(h.log.records).toHaveLength(records);
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ last_seen_unix: START_SECONDS + 50 });
    expect(h.audits.at(-1)).toMatchObject({
      action: 'node.re_registered',
      details: { mode: 'fast_path_endpoint_refresh' },
    });
  });

  it('keeps owner, hostname and version that it does not send, and changes those that it sends', async () => {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha', owner: 'ann', version: '1' });
    await h.node({}, undefined, a.signer);
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ hostname: 'alpha', version: '1' });
    await h.node({ hostname: 'beta', owner: 'bob' }, undefined, a.signer);
    expect(h.audits.at(-1)).toMatchObject({ details: { mode: 'existing_identity' } });
    expect(h.state.nodes.slotOfOwner('ann')).toBe(-1);
    expect(await h.ask('get_identity', { node_id: 1, admin_token: ADMIN_TOKEN })).toMatchObject({
      owner: 'bob',
    });
  });

  it('is bound to signatures also after the log was replayed (B-14)', async () => {
    const h = new Harness();
    const a = await h.node();
    const again = new Harness({ state: replay(emptyDirectory(), h.log.records), log: h.log });
    const message = { public_key: a.signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    expect(await again.ask('register', message)).toMatchObject({ code: 'auth_signature' });
  });
});

describe('a node that was reaped and comes back (B-16)', () => {
  async function away(seconds: number) {
    const h = new Harness();
    const a = await h.node({ hostname: 'alpha', owner: 'ann' });
    await h.succeed('set_visibility', { node_id: a.id, public: true }, a.signer);
    await h.succeed('set_tags', { node_id: a.id, tags: ['#gpu'] }, a.signer);
    h.commit(
      { type: 'node.external_id', id: a.id, externalId: 'x-1' },
      {
        type: 'badge.submitted',
        id: a.id,
        badge: 'pilotbadge:v1:1:github:1:0:k:s',
        badgeSig: 'c2ln',
        provider: 'github',
        verifiedAt: '2026-01-01T00:00:00Z',
      },
    );
    const before = await h.ask('lookup', { node_id: a.id });
    h.commit({ type: 'nodes.reaped', ids: [a.id], at: h.now });
    h.advance(seconds);
    return { h, a, before };
  }

  it('has its id, hostname, tags, visibility, badge and external id', async () => {
    const { h, a, before } = await away(3600);
    expect(await h.ask('lookup', { node_id: a.id })).toMatchObject({ error: 'node 1: node not found' });
    const message = { public_key: a.signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    expect(await h.askSigned('register', message, a.signer)).toMatchObject({
      node_id: a.id,
      hostname: 'alpha',
    });
    expect(h.audits.at(-1)).toMatchObject({ details: { mode: 'reclaimed_identity' } });
    expect(await h.ask('lookup', { node_id: a.id })).toEqual({ ...before, last_seen_unix: h.now });
    const identity = await h.ask('get_identity', { node_id: a.id, admin_token: ADMIN_TOKEN });
    expect(identity).toMatchObject({ external_id: 'x-1', owner: 'ann' });
  });

  it('finds its name held for a day, and gone after it', async () => {
    const { h, a } = await away(DAY - 1);
    const b = await h.node();
    const take = { node_id: b.id, hostname: 'alpha' };
    expect(await h.askSigned('set_hostname', take, b.signer)).toMatchObject({
      error: 'hostname "alpha" already in use by node 1',
    });
    h.advance(1);
    expect(await h.askSigned('set_hostname', take, b.signer)).toMatchObject({ type: 'set_hostname_ok' });
    const message = { public_key: a.signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    const reply = await h.askSigned('register', message, a.signer);
    expect(reply).toMatchObject({ node_id: a.id });
    expect(reply).not.toHaveProperty('hostname');
    expect(await h.ask('lookup', { node_id: a.id })).not.toHaveProperty('hostname');
  });
});

describe('the id of a node that is gone (B-17)', () => {
  const authority = new FakeSigner(9001);
  const recoveryKeys = new KeyRing(new Map([['rec-t', authority.publicKey]]));

  async function gone() {
    const h = new Harness({ recoveryKeys });
    const a = await h.node({ owner: 'ann', hostname: 'alpha' });
    const commitment = 'c'.repeat(64);
    h.commit({ type: 'recovery.enrolled', id: a.id, commitment, provider: 'github' });
    h.commit({ type: 'nodes.reaped', ids: [a.id], at: h.now });
    const { signer, message } = registration(h, { owner: 'ann' });
    const statement = {
      nodeId: a.id,
      newPublicKey: signer.publicKeyBase64,
      commitment,
      exp: h.now + 60,
      nonce: 'nonce-1',
      kid: 'rec-t',
    };
    const withStatement = (changes: object): Fields => {
      const recovery = formatRecovery({ ...statement, ...changes });
      return {
        ...signedFields('register', message, signer),
        recovery,
        recovery_sig: authority.sign(recovery),
      };
    };
    return { h, a, signer, message, withStatement };
  }

  it('is not given to who only knows the owner label', async () => {
    const { h, signer, message } = await gone();
    expect((await h.askSigned('register', message, signer))['error']).toContain('already bound to node 1');
  });

  it('is given to who brings a recovery statement for this node and this key', async () => {
    const { h, a, signer, withStatement } = await gone();
    const reply = await h.ask('register', withStatement({}));
    expect(reply).toMatchObject({
      type: 'register_ok',
      node_id: a.id,
      hostname: 'alpha',
      public_key: signer.publicKeyBase64,
    });
    expect(h.audits.at(-1)).toMatchObject({ details: { mode: 'owner_reclaim' } });
    expect(h.state.nodes.slotOfKey(a.signer.publicKey)).toBe(-1);
  });

  it('comes with the wished hostname when it is the one it had', async () => {
    const { h, withStatement } = await gone();
    const reply = await h.ask('register', { ...withStatement({}), hostname: 'alpha' });
    expect(reply).toMatchObject({ hostname: 'alpha' });
    expect(reply).not.toHaveProperty('hostname_error');
  });

  it.each<[string, object]>([
    ['for another node', { nodeId: 7 }],
    ['for another key', { newPublicKey: new FakeSigner(5).publicKeyBase64 }],
    ['for another identity', { commitment: 'd'.repeat(64) }],
  ])('is not given for a statement %s', async (_, changes) => {
    const { h, withStatement } = await gone();
    expect((await h.ask('register', withStatement(changes)))['error']).toContain('already bound to node 1');
  });

  it('is not given for a statement with a wrong signature, or one that has expired', async () => {
    const { h, withStatement } = await gone();
    const wrong = { ...withStatement({}), recovery_sig: new FakeSigner(6).sign('x') };
    expect(await h.ask('register', wrong)).toMatchObject({ code: 'auth_signature' });
    expect(await h.ask('register', withStatement({ exp: h.now - 1 }))).toMatchObject({
      code: 'auth_signature',
    });
    expect(h.state.nodes.has(0, NodeFlag.live)).toBe(false);
  });
});
