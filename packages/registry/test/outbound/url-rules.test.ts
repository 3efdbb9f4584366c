import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMetadataHost, MAX_URL_LENGTH, urlError, validateUrl } from '../../src/outbound/index.ts';
import { readVectors } from '../auth/vectors.ts';

interface UrlVectors {
  readonly urls: readonly { readonly url: string; readonly ok: boolean; readonly error?: string }[];
}

describe('validateUrl', () => {
  it.each(readVectors<UrlVectors>('rules_blueprints_urls.json').urls)(
    'decides about "$url"',
    ({ url, error }) => {
      expect(urlError(url)).toBe(error);
      if (error === undefined) validateUrl(url);
      else
        expect(() => validateUrl(url)).toThrow(
          expect.objectContaining({ code: 'invalid_url', message: error }),
        );
    },
  );

  it.each([
    ['http://[::1', 'invalid URL: parse "http://[::1": missing \']\' in host'],
    ['http://a:b/', 'invalid URL: parse "http://a:b/": invalid port ":b" after host'],
    ['http://[1.2.3.4]/', 'invalid URL: parse "http://[1.2.3.4]/": invalid IP-literal'],
    ['http://a[::1]/', 'invalid URL: parse "http://a[::1]/": invalid IP-literal'],
    ['http://a/%zz', 'invalid URL: parse "http://a/%zz": invalid URL escape "%zz"'],
    ['http://a/#%zz', 'invalid URL: parse "http://a/#%zz": invalid URL escape "%zz"'],
    ['http://a b@c/', 'invalid URL: parse "http://a b@c/": net/url: invalid userinfo'],
    ['http://a\n/', 'invalid URL: parse "http://a\\n/": net/url: invalid control character in URL'],
    ['://a', 'invalid URL: parse "://a": missing protocol scheme'],
    ['1a:b', 'invalid URL: parse "1a:b": first path segment in URL cannot contain colon'],
    ['http:opaque', 'URL must have a host'],
    ['http://:80/', 'URL must have a host'],
    ['http://user@/', 'URL must have a host'],
    ['http://169.254.1.1%25x/', 'URL cannot target link-local address 169.254.1.1%x'],
    ['http://224.0.0.5/', 'URL cannot target link-local address 224.0.0.5'],
    [
      'http://instance-data-service.EC2.internal:80/x',
      'URL cannot target cloud metadata endpoint instance-data-service.EC2.internal',
    ],
    ['http://metadata.google.com', 'URL cannot target cloud metadata endpoint metadata.google.com'],
    ['javascript:alert(1)', 'URL must use http or https scheme, got "javascript"'],
    [`http://a/${'x'.repeat(MAX_URL_LENGTH)}`, `URL too long (max ${MAX_URL_LENGTH})`],
    ['http://é.example/é?%zz', undefined],
    ['http://a:/', undefined],
    ['https://user:p%41w@example.com:8443/p?q#f', undefined],
  ])('decides about %j', (url, error) => {
    expect(urlError(url)).toBe(error);
  });

  it('never throws anything but its own error', () => {
    const piece = fc.constantFrom(
      'http',
      '://',
      '[',
      ']',
      '%',
      '%25',
      '@',
      ':',
      '/',
      '#',
      'a',
      '::',
      '169.254.0.1',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (url) => {
          const error = urlError(url);
          expect(error === undefined || error.length > 0).toBe(true);
        },
      ),
    );
  });
});

it('knows metadata hosts with a final dot too', () => {
  expect(isMetadataHost('Metadata.Google.Internal.')).toBe(true);
  expect(isMetadataHost('example.com')).toBe(false);
});
