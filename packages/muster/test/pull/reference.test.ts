import { expect, test } from 'vitest';
import { formatReference, parseReference } from '../../src/pull/reference.ts';
import { endpointOf } from '../../src/pull/registry-endpoint.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}` as const;

test.each([
  ['alpine', 'docker.io', 'library/alpine', 'latest', undefined],
  ['alpine:3.20', 'docker.io', 'library/alpine', '3.20', undefined],
  ['docker.io/alpine', 'docker.io', 'library/alpine', 'latest', undefined],
  ['owner/tool', 'docker.io', 'owner/tool', 'latest', undefined],
  ['ghcr.io/owner/tool:v1', 'ghcr.io', 'owner/tool', 'v1', undefined],
  ['localhost/x', 'localhost', 'x', 'latest', undefined],
  ['127.0.0.1:5001/a/b:c', '127.0.0.1:5001', 'a/b', 'c', undefined],
  [`ghcr.io/owner/tool@${DIGEST}`, 'ghcr.io', 'owner/tool', undefined, DIGEST],
  [`ghcr.io/owner/tool:v1@${DIGEST}`, 'ghcr.io', 'owner/tool', 'v1', DIGEST],
])('%s', (text, registry, repository, tag, digest) => {
  expect(parseReference(text)).toEqual({ registry, repository, tag, digest });
});

test.each([
  '',
  ':',
  'a:',
  'A/b',
  'ghcr.io/',
  'a@sha256:x',
  `a@md5:${'0'.repeat(32)}`,
  'a/../b',
  'a b',
  'a:-x',
])('%j is no reference', (text) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
});

test('in full, with the digest', () => {
  expect(formatReference(parseReference('alpine:3'), DIGEST)).toBe(`docker.io/library/alpine:3@${DIGEST}`);
});

test.each([
  ['docker.io', 'https://registry-1.docker.io'],
  ['ghcr.io', 'https://ghcr.io'],
  ['localhost:5000', 'http://localhost:5000'],
  ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
])('the registry %s is at %s', (registry, endpoint) => {
  expect(endpointOf(registry)).toBe(endpoint);
});
