import { Identity } from '@muster/core/identity';
import { expect, it } from 'vitest';
import { isJoinAnswer, isPeerName, joinRequest, readJoinRequest } from '../../src/fleet/join-protocol.ts';

const identity = Identity.generate();
const facts = { ticket: new Uint8Array(16).fill(3), nodeId: 7, name: 'echo' };
const request = joinRequest(identity, facts);

it('a request proves that the peer has its key', () => {
  expect(readJoinRequest(request)).toEqual({ ...facts, publicKey: identity.publicKey });
});

it.each([
  ['no object', 'text'],
  ['null', null],
  ['another name', { ...request, name: 'golf' }],
  ['another node', { ...request, nodeId: 8 }],
  ['another ticket', { ...request, ticket: Buffer.alloc(16).toString('base64') }],
  ['a short ticket', { ...request, ticket: 'AAAA' }],
  ['another key', { ...request, publicKey: Identity.generate().publicKeyBase64 }],
  ['a key of another length', { ...request, publicKey: 'AAAA' }],
  ['no signature', { ...request, signature: undefined }],
  ['a long signature', { ...request, signature: 'A'.repeat(10_000) }],
  ['a name with a dot', joinRequest(identity, { ...facts, name: 'a.b' })],
  ['a node that is none', joinRequest(identity, { ...facts, nodeId: 0 })],
])('a request with %s is none', (_, value) => {
  expect(readJoinRequest(value)).toBeUndefined();
});

it('names are labels of hostnames', () => {
  for (const name of ['a', 'echo', 'alpha-2', 'x'.repeat(63)]) expect(isPeerName(name)).toBe(true);
  for (const name of ['', 'Echo', '-a', 'a-', 'a_b', 'a b', 'x'.repeat(64)])
    expect(isPeerName(name)).toBe(false);
});

it('an answer is whole or none', () => {
  const answer = {
    psk: 'p',
    registry: 'r',
    network: 1,
    networkToken: 't',
    seeds: ['/ip4/127.0.0.1/tcp/1'],
    timeScale: 1,
    page: '',
  };
  expect(isJoinAnswer(answer)).toBe(true);
  for (const key of Object.keys(answer)) expect(isJoinAnswer({ ...answer, [key]: undefined })).toBe(false);
  expect(isJoinAnswer({ ...answer, seeds: [1] })).toBe(false);
  expect(isJoinAnswer(undefined)).toBe(false);
});
