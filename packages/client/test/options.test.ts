import { describe, expect, it } from 'vitest';
import { clientErrors, RegistryClient, type RegistryClientOptions } from '../src/index.ts';
import { resolveOptions } from '../src/options.ts';
import { keyA } from './vectors.ts';

const invalid = expect.objectContaining({ code: 'OPTIONS_INVALID' });

describe('options', () => {
  it('have the documented defaults', () => {
    expect(resolveOptions({ host: 'registry' })).toEqual({
      host: 'registry',
      port: 9000,
      encoding: 'binary',
      tls: undefined,
      poolSize: 2,
      maxPipelined: 32,
      maxQueued: 10_000,
      connectTimeoutMs: 5000,
      requestTimeoutMs: 30_000,
      idleTimeoutMs: 240_000,
      reconnect: { baseDelayMs: 200, maxDelayMs: 10_000, jitter: 0.5, maxAttempts: 5 },
      maxRepeats: 2,
      maxReplyBytes: 67_108_864,
      signatures: 'v1',
      strict: { directory: false, heartbeats: false, keyExpiry: false },
    });
  });

  it.each([
    ['registry:9001', 'registry', 9001],
    ['127.0.0.1:1', '127.0.0.1', 1],
    ['[::1]:9000', '::1', 9000],
    ['[fe80::1%eth0]:9000', 'fe80::1%eth0', 9000],
  ])('address %s', (address, host, port) => {
    expect(resolveOptions({ address })).toMatchObject({ host, port });
  });

  it.each([
    'registry',
    ':9000',
    'registry:',
    'registry:0',
    'registry:65536',
    '::1:9000',
    '[registry]:9000',
    '[::1]',
  ])('no address: %s', (address) => {
    expect(() => resolveOptions({ address })).toThrow(invalid);
  });

  const wrong: readonly (readonly [string, unknown])[] = [
    ['no address', {}],
    ['an empty host', { host: '' }],
    ['address and host', { address: 'a:1', host: 'a' }],
    ['address and port', { address: 'a:1', port: 1 }],
    ['unknown option', { host: 'a', requestTimeout: 5 }],
    ['unknown TLS option', { host: 'a', tls: { insecure: true } }],
    ['unknown reconnect option', { host: 'a', reconnect: { retries: 1 } }],
    ['unknown strict option', { host: 'a', identity: keyA, strict: { everything: true } }],
    ['encoding', { host: 'a', encoding: 'xml' }],
    ['tls: true', { host: 'a', tls: true }],
    ['a pin that is none', { host: 'a', tls: { pin: 'abc' } }],
    ['v2 without a key', { host: 'a', signatures: 'v2' }],
    ['strict without a key', { host: 'a', strict: { directory: true } }],
    ['poolSize 0', { host: 'a', poolSize: 0 }],
    ['a fraction of a connection', { host: 'a', poolSize: 1.5 }],
    ['maxReplyBytes above the protocol', { host: 'a', maxReplyBytes: 67_108_865 }],
    ['a delay that no timer can hold', { host: 'a', requestTimeoutMs: 2 ** 31 }],
    ['jitter above 1', { host: 'a', reconnect: { jitter: 2 } }],
    ['maximum below base', { host: 'a', reconnect: { baseDelayMs: 100, maxDelayMs: 50 } }],
    ['node id 0', { host: 'a', nodeId: 0 }],
    ['empty admin token', { host: 'a', adminToken: '' }],
  ];

  it.each(wrong)('are refused loudly: %s', (_, options) => {
    expect(() => new RegistryClient(options as RegistryClientOptions)).toThrow(invalid);
  });

  it('TLS: the pin is compared in lower case, no server name for an IP address', () => {
    const pin = 'AB'.repeat(32);
    expect(resolveOptions({ host: '127.0.0.1', tls: { pin } }).tls).toEqual({
      ca: undefined,
      pin: pin.toLowerCase(),
      servername: undefined,
    });
    expect(resolveOptions({ host: 'registry', tls: {} }).tls?.servername).toBe('registry');
  });
});

describe('errors', () => {
  it('all say what they mean', () => {
    for (const [code, { summary }] of Object.entries(clientErrors.definitions)) {
      expect(code).toMatch(/^[A-Z_]+$/);
      expect(summary.length).toBeGreaterThan(20);
    }
  });
});
