import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import {
  AdminTokens,
  createAdminToken,
  formatAdminTokenFile,
  MAX_ADMIN_TOKENS,
  parseAdminTokenFile,
  permits,
} from '../../src/auth/index.ts';

const random = seededRandom(1);
const fileError = expect.objectContaining({ code: 'invalid_admin_token_file' });

describe('AdminTokens', () => {
  const networks = createAdminToken({ name: 'ci', scopes: ['networks', 'read'] }, random);
  const nodes = createAdminToken({ name: 'ops', scopes: ['nodes'] }, random);
  const tokens = new AdminTokens([networks.entry, nodes.entry], 'adm', random);

  it('tells who holds a token', () => {
    expect(tokens.check('adm')).toEqual({ name: 'admin', scopes: ['all'] });
    expect(tokens.check(networks.token)).toEqual({ name: 'ci', scopes: ['networks', 'read'] });
    expect(tokens.check(nodes.token)).toEqual({ name: 'ops', scopes: ['nodes'] });
    for (const wrong of ['', 'adm ', 'ADM', `${nodes.token}x`, nodes.entry.hash, 'x'.repeat(10_000)]) {
      expect(tokens.check(wrong)).toBeUndefined();
    }
  });

  it('knows scopes', () => {
    expect(permits({ name: 'a', scopes: ['all'] }, 'nodes')).toBe(true);
    expect(permits({ name: 'a', scopes: ['networks', 'read'] }, 'networks')).toBe(true);
    expect(permits({ name: 'a', scopes: ['networks', 'read'] }, 'nodes')).toBe(false);
    expect(permits({ name: 'a', scopes: ['networks'] }, 'all')).toBe(false);
  });

  it('is off when nothing is configured', () => {
    for (const plain of [undefined, '']) {
      const none = new AdminTokens([], plain, random);
      expect(none.configured).toBe(false);
      expect(none.check('')).toBeUndefined();
    }
    expect(tokens.configured).toBe(true);
  });

  it('refuses too many and repeated names', () => {
    const entries = Array.from(
      { length: MAX_ADMIN_TOKENS },
      (_, i) => createAdminToken({ name: `t${i}`, scopes: ['read'] }, random).entry,
    );
    expect(new AdminTokens(entries, undefined, random).configured).toBe(true);
    expect(() => new AdminTokens(entries, 'adm', random)).toThrow(fileError);
    expect(() => new AdminTokens([networks.entry, networks.entry], undefined, random)).toThrow(fileError);
    const impostor = createAdminToken({ name: 'admin', scopes: ['read'] }, random);
    expect(() => new AdminTokens([impostor.entry], 'adm', random)).toThrow(fileError);
  });
});

describe('the file of admin tokens', () => {
  const { token, entry } = createAdminToken({ name: 'ci', scopes: ['networks'] }, random);

  it('holds no token and is read back', () => {
    const text = formatAdminTokenFile([entry]);
    expect(text).not.toContain(token);
    expect(parseAdminTokenFile(text)).toEqual([entry]);
    expect(new AdminTokens(parseAdminTokenFile(text), undefined, random).check(token)?.name).toBe('ci');
  });

  it.each([
    ['no JSON', 'secret'],
    ['no list', '{"tokens":{}}'],
    ['null', 'null'],
    ['no hash', JSON.stringify({ tokens: [{ ...entry, hash: undefined }] })],
    ['a short hash', JSON.stringify({ tokens: [{ ...entry, hash: 'AAAA' }] })],
    ['no name', JSON.stringify({ tokens: [{ ...entry, name: '' }] })],
    ['a name for a forged log line', JSON.stringify({ tokens: [{ ...entry, name: 'a\nb' }] })],
    ['no scope', JSON.stringify({ tokens: [{ ...entry, scopes: [] }] })],
    ['an unknown scope', JSON.stringify({ tokens: [{ ...entry, scopes: ['toString'] }] })],
  ])('is refused with %s', (_, text) => {
    expect(() => parseAdminTokenFile(text)).toThrow(fileError);
    expect(() => parseAdminTokenFile(text)).not.toThrow(/secret/);
  });
});
