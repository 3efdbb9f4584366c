import { describe, expect, it } from 'vitest';
import { parseContentRange } from '../../src/origin/content-range.ts';
import { factsOfStatus, parseRetryAfter, statusClass } from '../../src/origin/failure.ts';
import { parseIssuedToken, tokenUrl } from '../../src/origin/token-request.ts';

describe('what an answer means', () => {
  it.each([
    [401, 'auth'],
    [403, 'auth'],
    [404, 'not_found'],
    [429, 'rate_limited'],
    [400, 'transient'],
    [410, 'transient'],
    [500, 'transient'],
    [204, 'transient'],
  ])('%d is %s', (status, failureClass) => {
    expect(statusClass(status)).toBe(failureClass);
  });

  it('keeps Retry-After of a rate limit, as seconds or as a date', () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter('Fri, 02 Jan 2026 03:05:05 GMT', now)).toBe(60_000);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:00 GMT', now)).toBe(0);
    for (const text of [undefined, '', 'soon', '-5', '1e9', '2026-01-02', '99999999999999']) {
      expect(parseRetryAfter(text, now)).toBeUndefined();
    }
    expect(factsOfStatus(429, '7', now)).toEqual({
      failureClass: 'rate_limited',
      status: 429,
      retryAfterMs: 7_000,
    });
    expect(factsOfStatus(503, '7', now)).toEqual({ failureClass: 'transient', status: 503 });
  });

  it('reads Content-Range, and nothing that contradicts itself', () => {
    expect(parseContentRange('bytes 5-9/10')).toEqual({ start: 5, end: 9, size: 10 });
    expect(parseContentRange('bytes 5-9/*')).toEqual({ start: 5, end: 9, size: undefined });
    for (const text of [
      undefined,
      '',
      'bytes */10',
      'bytes 9-5/10',
      'bytes 5-10/10',
      'items 0-1/2',
      'bytes -1-2/3',
    ]) {
      expect(parseContentRange(text)).toBeUndefined();
    }
  });
});

describe('tokens', () => {
  const endpoint = new URL('https://registry.example');

  it('asks the realm with its query, the service and the scope', () => {
    const request = { endpoint, service: 'reg istry', scope: 'repository:a/b:pull' };
    expect(tokenUrl({ ...request, realm: 'https://auth.example/t?x=%20y' }).href).toBe(
      'https://auth.example/t?x=%20y&service=reg+istry&scope=repository%3Aa%2Fb%3Apull',
    );
    expect(tokenUrl({ ...request, service: undefined, realm: 'https://auth.example/t' }).search).toBe(
      '?scope=repository%3Aa%2Fb%3Apull',
    );
  });

  it.each([
    undefined,
    '',
    'auth.example',
    'ftp://auth.example',
    'http://auth.example',
    'https://u:p@auth.example',
  ])('refuses the realm %j of an https registry', (realm) => {
    expect(() => tokenUrl({ endpoint, realm, service: undefined, scope: 's' })).toThrow('token service');
  });

  it('reads token, else access_token', () => {
    expect(parseIssuedToken('{"token":"a","access_token":"b","expires_in":60}')).toEqual({
      token: 'a',
      expiresInS: 60,
    });
    expect(parseIssuedToken('{"token":"","access_token":"b","expires_in":"60"}')).toEqual({
      token: 'b',
      expiresInS: undefined,
    });
  });

  it.each([
    '',
    'null',
    '[]',
    '"token"',
    '{',
    '{"token":1}',
    '{"token":"a b"}',
    '{"token":"a\\r\\nx: y"}',
    '{"token":"ä"}',
  ])('refuses the answer %j without repeating it', (text) => {
    expect(() => parseIssuedToken(text)).toThrow('the answer of the token service');
  });
});
