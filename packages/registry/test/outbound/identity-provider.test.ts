import { createHmac, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import type { JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { IdentityTokenValidator } from '../../src/outbound/index.ts';
import type { IdentityTokenValidatorOptions, TokenResult } from '../../src/outbound/index.ts';
import { loopbackFetcher, serve, serveJson } from './server.ts';

const now = 1_780_000_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const secret = createSecretKey(randomBytes(32));

const jwk = async (key: KeyObject, fields: JWK = {}): Promise<JWK> => ({
  ...(await exportJWK(key)),
  ...fields,
});

async function token(alg: string, key: KeyObject, claims: object = {}, header: object = {}): Promise<string> {
  return new SignJWT({ sub: 'alice', iss: 'https://idp.test', aud: 'client', exp: now + 60, ...claims })
    .setProtectedHeader({ alg, ...header })
    .sign(key);
}

/** A token with any header and signature, as an attacker writes it. */
function forge(header: object, sign: (input: string) => Buffer): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part({ sub: 'mallory', exp: now + 60 })}`;
  return `${input}.${sign(input).toString('base64url')}`;
}

async function check(
  text: string,
  keys: readonly JWK[],
  config: { issuer?: string; clientId?: string } = {},
  options: IdentityTokenValidatorOptions = {},
): Promise<TokenResult> {
  await using server = await serveJson({ keys });
  const validator = new IdentityTokenValidator(loopbackFetcher(), options);
  // Awaited here, so that the server outlives the check.
  return await validator.validate(text, { url: server.url, ...config }, now * 1000);
}

const alice: TokenResult = { verified: true, subject: 'alice', issuer: 'https://idp.test' };
const refused = (error: unknown): unknown => ({ verified: false, error });

describe('IdentityTokenValidator', () => {
  it.each([
    ['RS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])('takes %s', async (alg, pair) => {
    const keys = [await jwk(rsa.publicKey), await jwk(ec.publicKey), await jwk(ed.publicKey)];
    expect(await check(await token(alg, pair.privateKey), keys)).toEqual(alice);
  });

  it('takes HS256 only when told to', async () => {
    const text = await token('HS256', secret);
    const keys = [await jwk(secret)];
    expect(await check(text, keys)).toEqual(refused('unsupported JWT algorithm: HS256'));
    expect(await check(text, keys, {}, { allowSymmetricKeys: true })).toEqual(alice);
  });

  it('checks issuer and audience when they are configured', async () => {
    const text = await token('EdDSA', ed.privateKey);
    const keys = [await jwk(ed.publicKey)];
    expect(await check(text, keys, { issuer: 'https://idp.test', clientId: 'client' })).toEqual(alice);
    expect(await check(text, keys, { issuer: '', clientId: '' })).toEqual(alice);
    const wrong = refused(expect.stringMatching(/^invalid token: /));
    expect(await check(text, keys, { issuer: 'https://other.test' })).toEqual(wrong);
    expect(await check(text, keys, { clientId: 'other' })).toEqual(wrong);
    const without = await token('EdDSA', ed.privateKey, { iss: undefined, aud: undefined });
    expect(await check(without, keys)).toEqual({ verified: true, subject: 'alice', issuer: '' });
    expect(await check(without, keys, { clientId: 'client' })).toEqual(wrong);
  });

  it('allows the clocks to differ by a minute', async () => {
    const keys = [await jwk(ed.publicKey)];
    const at = async (claims: object): Promise<boolean> =>
      (await check(await token('EdDSA', ed.privateKey, claims), keys)).verified;
    expect(await at({ exp: now - 59 })).toBe(true);
    expect(await at({ exp: now - 60 })).toBe(false);
    expect(await at({ nbf: now + 60 })).toBe(true);
    expect(await at({ nbf: now + 61 })).toBe(false);
    expect(await at({ exp: undefined })).toBe(false);
    expect(await at({ exp: 'never' })).toBe(false);
  });

  it('needs a provider', async () => {
    const validator = new IdentityTokenValidator(loopbackFetcher());
    const missing = expect.objectContaining({ message: 'no identity provider configured' });
    await expect(validator.validate('t', undefined, 0)).rejects.toThrow(missing);
    await expect(validator.validate('t', { url: '' }, 0)).rejects.toThrow(missing);
  });
});

describe('adversaries', () => {
  it.each(['none', 'None', 'NONE', '', 'RS384', 'PS256', 'ES384', 'HS512', '__proto__', 'toString'])(
    'may not choose the algorithm %j',
    async (alg) => {
      const text = forge({ alg }, () => Buffer.alloc(0));
      expect(await check(text, [await jwk(rsa.publicKey)])).toEqual(
        refused(`unsupported JWT algorithm: ${alg}`),
      );
    },
  );

  it('may not use a public key as the secret of a MAC', async () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
    for (const stolen of [Buffer.from(pem), der]) {
      const text = forge({ alg: 'HS256' }, (input) => createHmac('sha256', stolen).update(input).digest());
      const keys = [await jwk(rsa.publicKey), await jwk(ed.publicKey)];
      expect(await check(text, keys)).toEqual(refused('unsupported JWT algorithm: HS256'));
      expect(await check(text, keys, {}, { allowSymmetricKeys: true })).toEqual(
        refused('invalid token: no key of the key set fits'),
      );
    }
  });

  it('may not bring their own key in the header', async () => {
    const own = generateKeyPairSync('ed25519');
    const header = { jwk: await exportJWK(own.publicKey), jku: 'http://127.0.0.1:1/', kid: 'k' };
    const text = await token('EdDSA', own.privateKey, {}, header);
    const result = await check(text, [await jwk(ed.publicKey, { kid: 'k' })]);
    expect(result).toEqual(refused('invalid token: signature verification failed'));
  });

  it('may not use a key for another purpose than its own', async () => {
    const text = await token('RS256', rsa.privateKey);
    const none = refused('invalid token: no key of the key set fits');
    expect(await check(text, [await jwk(rsa.publicKey, { use: 'enc' })])).toEqual(none);
    expect(await check(text, [await jwk(rsa.publicKey, { alg: 'PS256' })])).toEqual(none);
    expect(await check(text, [await jwk(rsa.publicKey, { key_ops: ['encrypt'] })])).toEqual(none);
    expect(
      await check(text, [await jwk(rsa.publicKey, { use: 'sig', alg: 'RS256', key_ops: ['verify'] })]),
    ).toEqual(alice);
  });

  it('gain nothing from a weak RSA key', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const text = forge({ alg: 'RS256' }, () => Buffer.alloc(128));
    expect((await check(text, [await jwk(weak.publicKey)])).verified).toBe(false);
  });

  it('gain nothing from changed claims, critical headers or rubbish', async () => {
    const keys = [await jwk(ed.publicKey)];
    const [header = '', , signature = ''] = (await token('EdDSA', ed.privateKey)).split('.');
    const claims = Buffer.from(JSON.stringify({ sub: 'mallory', exp: now + 60 })).toString('base64url');
    const critical = forge({ alg: 'EdDSA', crit: ['b64'], b64: false }, () => Buffer.alloc(64));
    for (const text of [
      `${header}.${claims}.${signature}`,
      critical,
      '',
      'a',
      'a.b',
      '..',
      'e30.e30.',
      `${'a'.repeat(20_000)}.a.a`,
    ]) {
      expect(await check(text, keys)).toEqual(
        refused(expect.stringMatching(/^(?:invalid token: |unsupported JWT algorithm: )/)),
      );
    }
  });

  it('may not make the registry try many keys', async () => {
    const keys: JWK[] = [];
    for (let i = 0; i < 8; i++) keys.push(await jwk(generateKeyPairSync('ed25519').publicKey));
    keys.push(await jwk(ed.publicKey));
    expect((await check(await token('EdDSA', ed.privateKey), keys)).verified).toBe(false);
    expect((await check(await token('EdDSA', ed.privateKey), keys.slice(1))).verified).toBe(true);
  });
});

describe('rotation of keys', () => {
  it('is noticed when a token names a new key, but not more than every half minute', async () => {
    let keys: readonly JWK[] = [await jwk(rsa.publicKey, { kid: 'old' })];
    await using server = await serve((_, response) => void response.end(JSON.stringify({ keys })));
    const validator = new IdentityTokenValidator(loopbackFetcher());
    const fresh = await token('EdDSA', ed.privateKey, {}, { kid: 'new' });
    const at = async (seconds: number): Promise<boolean> =>
      (await validator.validate(fresh, { url: server.url }, (now + seconds) * 1000)).verified;
    expect(await at(0)).toBe(false);
    keys = [...keys, await jwk(ed.publicKey, { kid: 'new' })];
    expect(await at(29)).toBe(false);
    expect(server.connections()).toBe(1);
    expect(await at(30)).toBe(true);
    expect(server.connections()).toBe(2);
  });

  it('reports a key set that cannot be had', async () => {
    await using server = await serveJson({}, 503);
    const validator = new IdentityTokenValidator(loopbackFetcher());
    const text = await token('EdDSA', ed.privateKey);
    expect(await validator.validate(text, { url: server.url }, 0)).toEqual(
      refused('fetch key set: status 503'),
    );
  });
});
