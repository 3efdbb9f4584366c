import { MusterError } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { formatBadge, formatEnrollment, formatRecovery } from '../../src/auth/statements.ts';
import { KeyRing } from '../../src/auth/index.ts';
import { ADMIN_TOKEN, type Fields, Harness, START_SECONDS } from '../support/harness.ts';
import { emptyDirectory, replay, restored, snapshotOf } from '../support/restore.ts';
import { FakeSigner } from '../support/signers.ts';

const issuer = new FakeSigner(9001);
const authority = new FakeSigner(9002);
const rings = {
  badgeKeys: new KeyRing(new Map([['bdg-t', issuer.publicKey]])),
  recoveryKeys: new KeyRing(new Map([['rec-t', authority.publicKey]])),
};
const COMMITMENT = 'c'.repeat(64);
const WEAK = Buffer.from([1, ...Buffer.alloc(31)]).toString('base64');
const refusal = (error: string, code: string) => ({ type: 'error', error, code });

describe('rotate_key', () => {
  it('moves the node to the new key, in either base64 alphabet', async () => {
    const h = new Harness();
    const a = await h.node();
    const next = h.signer();
    h.advance(86_400);
    const key = next.publicKeyBase64.replaceAll('+', '-').replaceAll('/', '_');
    expect(await h.succeed('rotate_key', { node_id: 1, new_public_key: key }, a.signer)).toEqual({
      type: 'rotate_key_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      public_key: next.publicKeyBase64,
    });
    expect(await h.ask('get_key_info', { node_id: 1 })).toEqual({
      type: 'get_key_info_ok',
      node_id: 1,
      created_at: '2026-03-04T05:06:07Z',
      rotated_at: '2026-03-05T05:06:07Z',
      rotate_count: 1,
      key_age_days: 0,
    });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({
      key_generation: 1,
      public_key: next.publicKeyBase64,
    });
    expect(await h.askSigned('heartbeat', { node_id: 1 }, a.signer)).toMatchObject({
      code: 'auth_signature',
    });
    expect(await h.askSigned('heartbeat', { node_id: 1 }, next)).toMatchObject({ type: 'heartbeat_ok' });
    expect((await h.node({}, undefined, a.signer)).id).toBe(2);
  });

  it('checks in the order of the specification, and refuses weak and foreign keys', async () => {
    const h = new Harness();
    const [a, b] = [await h.node(), await h.node()];
    expect(await h.ask('rotate_key', { node_id: 9 })).toMatchObject({ error: 'node 9: node not found' });
    expect(await h.ask('rotate_key', { node_id: 1 })).toMatchObject({
      error: 'rotate_key requires a valid signature',
    });
    const rotate = (new_public_key: string) =>
      h.askSigned('rotate_key', { node_id: 1, new_public_key }, a.signer);
    expect(await rotate('')).toMatchObject({ error: 'rotate_key requires new_public_key' });
    expect(await rotate('AAAA')).toMatchObject({
      error: 'invalid new_public_key: invalid public key size: 3',
    });
    expect(await rotate(WEAK)).toMatchObject({ error: 'invalid new_public_key: weak key' });
    expect(await rotate(b.signer.publicKeyBase64)).toMatchObject({ code: 'conflict' });
    expect(h.state.nodes.idOf(h.state.nodes.slotOfKey(b.signer.publicKey))).toBe(2);
  });
});

describe('set_key_expiry', () => {
  it('is for members of enterprise networks, and may be cleared', async () => {
    const h = new Harness();
    const a = await h.node();
    const set = (expires_at: unknown) => h.askSigned('set_key_expiry', { node_id: 1, expires_at }, a.signer);
    await h.network('plain', 1);
    expect(await set('never')).toMatchObject({ code: 'enterprise_required' });
    await h.network('one', 1, { enterprise: true });
    expect(await set('2026-04-01T02:00:00+02:00')).toEqual({
      type: 'set_key_expiry_ok',
      node_id: 1,
      expires_at: '2026-04-01T00:00:00Z',
    });
    expect(h.audits.at(-1)).toMatchObject({ action: 'key.expiry_set' });
    expect(await h.ask('get_key_info', { node_id: 1 })).toMatchObject({ expires_at: '2026-04-01T00:00:00Z' });
    expect(await set('2026-03-04T05:06:07Z')).toEqual(refusal('request failed', 'invalid_request'));
    expect(await set('2036-03-05T00:00:00Z')).toMatchObject({
      error: 'invalid expires_at: cannot exceed 10 years',
    });
    expect((await set('soon'))['error']).toMatch(/^invalid expires_at: /);
    expect(await set('')).toEqual({ type: 'set_key_expiry_ok', node_id: 1 });
    expect(h.audits.at(-1)).toMatchObject({ action: 'key.expiry_cleared' });
  });

  it('binds the time to the signature in strict mode', async () => {
    const h = new Harness({ policy: { strictExpiryBinding: true } });
    const a = await h.node();
    await h.network('one', 1, { enterprise: true });
    const fields = { node_id: 1, expires_at: '2026-04-01T00:00:00Z' };
    expect(await h.askSigned('set_key_expiry', fields, a.signer)).toMatchObject({ code: 'auth_signature' });
    const signature = a.signer.sign('set_key_expiry:1:2026-04-01T00:00:00Z');
    expect(await h.ask('set_key_expiry', { ...fields, signature })).toMatchObject({ node_id: 1 });
  });
});

describe('submit_badge', () => {
  async function scene(change: object = {}, by = issuer) {
    const h = new Harness(rings);
    const a = await h.node();
    const badge = formatBadge({
      nodeId: 1,
      provider: 'github',
      verifiedAt: START_SECONDS - 5,
      exp: START_SECONDS + 100,
      kid: 'bdg-t',
      subject: 'ann',
      ...change,
    });
    return { h, a, fields: { node_id: 1, badge, badge_sig: by.sign(badge) } };
  }

  it('stores what a pinned issuer says', async () => {
    const { h, a, fields } = await scene();
    expect(await h.succeed('submit_badge', fields, a.signer)).toEqual({
      type: 'submit_badge_ok',
      node_id: 1,
      provider: 'github',
    });
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({
      verified: true,
      verified_at: '2026-03-04T05:06:02Z',
    });
  });

  it.each<[string, object, FakeSigner]>([
    ['of another node', { nodeId: 2 }, issuer],
    ['that has expired', { exp: START_SECONDS - 1 }, issuer],
    ['by an unknown issuer', { kid: 'bdg-x' }, issuer],
    ['with a wrong signature', {}, authority],
  ])('refuses one %s', async (_, change, by) => {
    const { h, a, fields } = await scene(change, by);
    const reply = await h.askSigned('submit_badge', fields, a.signer);
    expect(reply).toMatchObject({ type: 'error', code: 'invalid_request' });
    expect(await h.ask('lookup', { node_id: 1 })).not.toHaveProperty('badge');
  });

  it('refuses half of it', async () => {
    const { h, fields } = await scene();
    const error = 'submit_badge requires badge and badge_sig';
    expect(await h.ask('submit_badge', { ...fields, badge_sig: '' })).toMatchObject({ error });
    expect(await h.ask('submit_badge', { ...fields, badge: 7 })).toMatchObject({ error });
  });
});

describe('recovery', () => {
  async function scene() {
    const h = new Harness(rings);
    const a = await h.node({ hostname: 'alpha' });
    const enrollment = formatEnrollment({
      nodeId: 1,
      provider: 'github',
      commitment: COMMITMENT,
      issuedAt: 1,
      kid: 'bdg-t',
    });
    const fields = { node_id: 1, enrollment, enrollment_sig: issuer.sign(enrollment) };
    const next = h.signer();
    const recovery = (change: object = {}, request: Fields = {}): Fields => {
      const statement = {
        nodeId: 1,
        newPublicKey: next.publicKeyBase64,
        commitment: COMMITMENT,
        exp: h.now + 60,
        nonce: 'nonce-1',
        kid: 'rec-t',
      };
      const text = formatRecovery({ ...statement, ...change });
      return {
        node_id: 1,
        recovery: text,
        recovery_sig: authority.sign(text),
        new_public_key: next.publicKeyBase64,
        ...request,
      };
    };
    const enroll = () => h.succeed('enroll_recovery', fields, a.signer);
    return { h, a, fields, next, recovery, enroll };
  }

  it('gives an enrolled node its new key, once, and takes its badge', async () => {
    const { h, a, next, recovery, enroll } = await scene();
    expect(await enroll()).toEqual({ type: 'enroll_recovery_ok', node_id: 1 });
    expect(h.audits.at(-1)).toMatchObject({ action: 'identity.recovery_enrolled' });
    const badge = { badge: 'x', badgeSig: 'y', provider: 'github', verifiedAt: '2026-01-01T00:00:00Z' };
    h.commit({ type: 'badge.submitted', id: 1, ...badge });
    expect(await h.ask('recover_identity', recovery())).toEqual({
      type: 'recover_identity_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      public_key: next.publicKeyBase64,
    });
    expect(await h.ask('lookup', { node_id: 1 })).not.toHaveProperty('badge');
    expect(await h.askSigned('heartbeat', { node_id: 1 }, a.signer)).toMatchObject({
      code: 'auth_signature',
    });
    const used = refusal('recovery authorization already used', 'conflict');
    for (const state of [h.state, replay(emptyDirectory(), h.log.records), restored(snapshotOf(h.state))]) {
      const again = new Harness({ ...rings, state, log: h.log });
      expect(await again.ask('recover_identity', recovery())).toEqual(used);
    }
  });

  it.each<[string, object, Fields, string, string]>([
    ['another node', { nodeId: 2 }, {}, 'request failed', 'auth_signature'],
    [
      'another key',
      { newPublicKey: new FakeSigner(3).publicKeyBase64 },
      {},
      'request failed',
      'auth_signature',
    ],
    ['another identity', { commitment: 'd'.repeat(64) }, {}, 'request failed', 'auth_signature'],
    ['yesterday', { exp: START_SECONDS - 1 }, {}, 'request failed', 'auth_signature'],
    ['far ahead', { exp: START_SECONDS + 1801 }, {}, 'request failed', 'auth_signature'],
    ['an unknown authority', { kid: 'rec-x' }, {}, 'request failed', 'auth_signature'],
    ['a wrong signature', {}, { recovery_sig: issuer.sign('x') }, 'request failed', 'auth_signature'],
    ['a weak key', {}, { new_public_key: WEAK }, 'invalid new_public_key: weak key', 'invalid_request'],
    ['an unknown node', {}, { node_id: 9 }, 'node 9: node not found', 'not_found'],
    [
      'half of it',
      {},
      { recovery_sig: '' },
      'recover_identity requires recovery, recovery_sig, new_public_key',
      'invalid_request',
    ],
  ])('is refused for %s', async (_, change, request, error, code) => {
    const { h, a, recovery, enroll } = await scene();
    await enroll();
    expect(await h.ask('recover_identity', recovery(change, request))).toEqual(refusal(error, code));
    expect(h.state.nodes.keyEquals(0, a.signer.publicKey)).toBe(true);
  });

  it('is refused for a node that is not enrolled', async () => {
    const { h, recovery } = await scene();
    expect(await h.ask('recover_identity', recovery())).toEqual(refusal('request failed', 'denied'));
  });

  it('works for a node that was reaped', async () => {
    const { h, next, recovery, enroll } = await scene();
    await enroll();
    h.commit({ type: 'nodes.reaped', ids: [1], at: h.now });
    expect(await h.ask('recover_identity', recovery())).toMatchObject({ type: 'recover_identity_ok' });
    expect((await h.node({}, undefined, next)).id).toBe(1);
  });

  it('is prepared for the node of the statement only', async () => {
    const { h, fields } = await scene();
    const b = await h.node();
    expect(await h.askSigned('enroll_recovery', { ...fields, node_id: 2 }, b.signer)).toEqual(
      refusal('request failed', 'invalid_request'),
    );
    expect(await h.ask('enroll_recovery', { node_id: 1 })).toMatchObject({
      error: 'enroll_recovery requires enrollment and enrollment_sig',
    });
  });
});

describe('identities in other systems', () => {
  const admin = { admin_token: ADMIN_TOKEN };

  it('are set, shown to admins, and cleared', async () => {
    const h = new Harness();
    await h.node({ owner: 'ann' });
    expect(await h.ask('set_external_id', { node_id: 1, external_id: 'x-1', ...admin })).toEqual({
      type: 'set_external_id_ok',
      node_id: 1,
      external_id: 'x-1',
    });
    expect(h.audits.at(-1)).toMatchObject({ action: 'identity.external_id_set', details: { by: 'admin' } });
    const shown = { type: 'get_identity_ok', node_id: 1, external_id: 'x-1', owner: 'ann' };
    expect(await h.ask('get_identity', { node_id: 1, ...admin })).toEqual(shown);
    expect(await h.ask('get_identity', { node_id: 7, ...admin })).toMatchObject({ error: 'node not found' });
    expect(await h.ask('set_external_id', { node_id: 7, ...admin })).toMatchObject({
      error: 'node not found',
    });
    expect(
      await h.ask('set_external_id', { node_id: 1, external_id: 'x'.repeat(257), ...admin }),
    ).toMatchObject({
      error: 'external_id too long (max 256)',
    });
  });

  it('come with a registration when a webhook vouches for its token; the webhook survives a restart (B-55)', async () => {
    const asked: string[] = [];
    const outbound = {
      verifyIdentityToken: (url: string, token: string): Promise<string> => {
        asked.push(`${url} ${token}`);
        if (token === 'good') return Promise.resolve('x-77');
        return Promise.reject(
          new MusterError('identity_rejected', 'identity verification rejected: token expired'),
        );
      },
      validateToken: () => Promise.resolve({ verified: false, error: 'invalid token: x' } as const),
    };
    const first = new Harness({ outbound });
    const set = { url: 'https://hook.example.org/v', ...admin };
    expect(await first.ask('set_identity_webhook', set)).toEqual({
      type: 'set_identity_webhook_ok',
      status: 'enabled',
    });
    const h = new Harness({ outbound, state: replay(emptyDirectory(), first.log.records), log: first.log });
    const signer = h.signer();
    const message = { public_key: signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    const bad = await h.askSigned('register', { ...message, identity_token: 'bad' }, signer);
    expect(bad).toMatchObject({
      error: 'identity verification rejected: token expired',
      code: 'upstream_failed',
    });
    expect(h.state.nodes.liveCount).toBe(0);
    expect(await h.askSigned('register', { ...message, identity_token: 'good' }, signer)).toMatchObject({
      external_id: 'x-77',
    });
    expect(asked.at(-1)).toBe('https://hook.example.org/v good');
    expect(await h.ask('get_identity', { node_id: 1, ...admin })).toMatchObject({ external_id: 'x-77' });
    expect(await h.ask('set_identity_webhook', { url: '', ...admin })).toMatchObject({ status: 'disabled' });
    expect(await h.askSigned('register', { ...message, identity_token: 'bad' }, signer)).toMatchObject({
      node_id: 1,
    });
  });

  it('have a provider, whose tokens are checked', async () => {
    const h = new Harness();
    expect(await h.ask('get_idp_config', admin)).toEqual({ type: 'get_idp_config_ok', configured: false });
    expect(await h.ask('validate_token', admin)).toMatchObject({ error: 'token is required' });
    expect(await h.ask('validate_token', { token: 'x', ...admin })).toEqual(
      refusal('request failed', 'not_configured'),
    );
    const provider = {
      idp_type: 'oidc',
      url: 'https://idp.example.org/keys',
      issuer: 'https://idp.example.org',
    };
    expect(await h.ask('set_idp_config', { ...provider, ...admin })).toEqual({
      type: 'set_idp_config_ok',
      status: 'enabled',
      idp_type: 'oidc',
    });
    const shown = { type: 'get_idp_config_ok', configured: true, ...provider };
    expect(await h.ask('get_idp_config', admin)).toEqual(shown);
    const again = new Harness({ state: restored(snapshotOf(h.state)), log: h.log });
    expect(await again.ask('get_idp_config', admin)).toEqual(shown);
    expect(await h.ask('validate_token', { token: 'x', ...admin })).toEqual({
      type: 'validate_token_ok',
      verified: false,
      error: 'invalid token: not in this test',
    });
    expect(await h.ask('set_idp_config', admin)).toMatchObject({ status: 'disabled' });
    expect(await h.ask('get_idp_config', admin)).toMatchObject({ configured: false });
  });

  it.each([
    ['set_identity_webhook', 'ftp://x', 'request failed'],
    [
      'set_identity_webhook',
      'http://169.254.169.254/x',
      /^set_identity_webhook: URL cannot target link-local/,
    ],
    [
      'set_idp_config',
      'http://metadata.google.internal/',
      /^set_idp_config: URL cannot target cloud metadata/,
    ],
  ])('%s refuses the URL %s', async (type, url, error) => {
    const reply = await new Harness().ask(type, { url, idp_type: 'oidc', ...admin });
    if (typeof error === 'string') expect(reply['error']).toBe(error);
    else expect(reply['error']).toMatch(error);
  });
});
