import { type Identity, signRequest } from '@muster/core/identity';
import { describe, expect, it } from 'vitest';
import { SignatureVerifier } from '../../src/auth/index.ts';
import { systemRandom } from '@muster/core';
import { type Fields, Harness, signedFields, signedV2, type TestNode } from '../support/harness.ts';
import { emptyDirectory, replay, restored, snapshotOf } from '../support/restore.ts';
import { realSigner } from '../support/signers.ts';

const NONCE = 'nonce-0123456789';

function tagged(h: Harness, node: TestNode, nonce: string, ts = h.now, tags: string[] = ['x']): Fields {
  return signedV2('set_tags', { node_id: node.id, tags }, node.signer, ts, nonce);
}

describe('a version 2 signature (B-10)', () => {
  it('covers the whole request: another value is refused', async () => {
    const h = new Harness();
    const a = await h.node();
    const message = { ...tagged(h, a, NONCE), tags: ['y'] };
    expect(await h.ask('set_tags', message)).toMatchObject({ error: 'signature verification failed' });
    const { signature_v2, ...rest } = tagged(h, a, NONCE);
    expect(await h.ask('set_hostname', { ...rest, signature_v2 })).toMatchObject({ code: 'auth_signature' });
  });

  it('works once', async () => {
    const h = new Harness();
    const a = await h.node();
    const message = tagged(h, a, NONCE);
    expect(await h.ask('set_tags', message)).toMatchObject({ type: 'set_tags_ok' });
    expect(await h.ask('set_tags', message)).toMatchObject({ error: 'request nonce already used' });
    expect(await h.ask('set_tags', tagged(h, a, 'nonce-other-01234'))).toMatchObject({ type: 'set_tags_ok' });
  });

  it.each([-61, 61])('is refused %d s away from the time of the registry', async (skew) => {
    const h = new Harness();
    const a = await h.node();
    expect(await h.ask('set_tags', tagged(h, a, NONCE, h.now + skew))).toMatchObject({
      code: 'auth_signature',
    });
    expect(await h.ask('set_tags', tagged(h, a, NONCE, h.now + Math.sign(skew) * 60))).toMatchObject({
      type: 'set_tags_ok',
    });
  });

  it.each<[Fields, string]>([
    [{ nonce: 'short' }, 'signature_v2 requires a nonce'],
    [{ ts: 'now' }, 'signature_v2 requires an integer ts'],
    [{ signature_v2: '?' }, 'invalid signature encoding'],
  ])('is refused when malformed: %j', async (change, error) => {
    const h = new Harness();
    const a = await h.node();
    expect((await h.ask('set_tags', { ...tagged(h, a, NONCE), ...change }))['error']).toContain(error);
  });

  it('binds the key to version 2, also after a replay and a snapshot', async () => {
    const h = new Harness();
    const a = await h.node();
    await h.ask('set_tags', tagged(h, a, NONCE));
    const stores = [
      h,
      new Harness({ state: replay(emptyDirectory(), h.log.records), log: h.log }),
      new Harness({ state: restored(snapshotOf(h.state)), log: h.log }),
    ];
    for (const one of stores) {
      const fields = { node_id: a.id, tags: [] };
      const refused = { error: 'signature verification failed', code: 'signature_v2_required' };
      expect(await one.askSigned('set_tags', fields, a.signer)).toMatchObject(refused);
      expect(await one.askSigned('heartbeat', { node_id: a.id }, a.signer)).toMatchObject(refused);
      const again = signedFields('register', { public_key: a.signer.publicKeyBase64 }, a.signer);
      expect(await one.ask('register', again)).toMatchObject({ code: 'signature_v2_required' });
    }
  });

  it('alone registers a key, marks it signed, and binds it', async () => {
    const h = new Harness();
    const signer = h.signer();
    const fields = { public_key: signer.publicKeyBase64, listen_addr: '203.0.113.5:4000' };
    const message = signedV2('register', fields, signer, h.now, NONCE);
    expect(await h.ask('register', message)).toMatchObject({ type: 'register_ok', node_id: 1 });
    expect(await h.ask('register', fields)).toMatchObject({ code: 'auth_signature' });
    expect(await h.askSigned('register', fields, signer)).toMatchObject({ code: 'signature_v2_required' });
    expect(await h.askSigned('heartbeat', { node_id: 1 }, signer)).toMatchObject({
      code: 'signature_v2_required',
    });
    expect(await h.ask('register', message)).toMatchObject({ error: 'request nonce already used' });
    const later = signedV2('register', fields, signer, h.now, 'nonce-other-01234');
    expect(await h.ask('register', later)).toMatchObject({ node_id: 1 });
  });

  it('alone is enough in strict registration mode', async () => {
    const h = new Harness({ policy: { strictRegistrationAuth: true } });
    const signer = h.signer();
    const message = signedV2('register', { public_key: signer.publicKeyBase64 }, signer, h.now, NONCE);
    expect(await h.ask('register', message)).toMatchObject({ type: 'register_ok' });
  });

  it.each(['rotate_key', 'resolve_hostname', 'list_networks'])('alone signs %s', async (type) => {
    const h = new Harness({ policy: { strictDirectoryAuth: true } });
    const a = await h.node({ hostname: 'alpha' });
    await h.network('one', a.id);
    const key = h.signer().publicKeyBase64;
    const fields = { node_id: a.id, requester_id: a.id, hostname: 'alpha', new_public_key: key };
    const message = signedV2(type, fields, a.signer, h.now, NONCE);
    expect(await h.ask(type, message)).toMatchObject({ type: `${type}_ok` });
    const replayed = await h.ask(type, message);
    // After a rotation the old key has no say any more.
    expect(replayed).toMatchObject({ type: 'error', code: 'auth_signature' });
  });
});

describe('real keys', () => {
  it('sign both versions', async () => {
    const h = new Harness({ verifier: new SignatureVerifier(systemRandom) });
    const identity = realSigner(1) as Identity;
    const a = await h.node({ hostname: 'alpha' }, undefined, identity);
    const request = { type: 'set_tags', node_id: a.id, tags: ['x'] };
    const { type: _, ...fields } = signRequest(identity, request, { unixSeconds: h.now, nonce: NONCE });
    expect(await h.ask('set_tags', fields)).toMatchObject({ type: 'set_tags_ok', tags: ['x'] });
    const b = await h.node({}, undefined, realSigner(2));
    expect(await h.askSigned('set_tags', { node_id: b.id, tags: ['y'] }, b.signer)).toMatchObject({
      tags: ['y'],
    });
    expect(await h.askSigned('set_tags', { node_id: b.id, tags: ['z'] }, realSigner(3))).toMatchObject({
      error: 'signature verification failed',
    });
  });
});
