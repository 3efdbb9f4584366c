import { describe, expect, it, test } from 'vitest';
import {
  parseHostPort,
  publishedMultiaddr,
  publishedMultiaddrs,
  transferAddress,
} from '../../src/members/published-address.ts';
import { loadVectors } from '../support/vectors.ts';

interface Vectors {
  readonly listen_multiaddr_rewrite: readonly {
    readonly multiaddr: string;
    readonly pod_ip: string;
    readonly published: string;
  }[];
  readonly transfer_address: readonly {
    readonly transfer_listen: string;
    readonly pod_ip: string;
    readonly advertised: string;
    readonly family_mismatch: boolean;
  }[];
}

const vectors = loadVectors<Vectors>('membership-and-auth');

describe('multiaddrs', () => {
  it.each(vectors.listen_multiaddr_rewrite)('$multiaddr on $pod_ip', ({ multiaddr, pod_ip, published }) => {
    expect(publishedMultiaddr(multiaddr, pod_ip) ?? '').toBe(published);
  });

  it('have the peer id at their end, each once', () => {
    const listen = ['/ip4/0.0.0.0/tcp/4001', '/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWother', '/ip6/::/tcp/4001'];
    expect(publishedMultiaddrs(listen, '10.0.0.7', '12D3KooWme')).toEqual([
      '/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWme',
    ]);
  });
});

describe('the transfer address', () => {
  // The last row is what the reference publishes for a text that is no address; here it is an error of the settings (D:23).
  it.each(vectors.transfer_address)('$transfer_listen on $pod_ip', (vector) => {
    const isAddress = vector.transfer_listen !== 'garbage';
    expect(transferAddress(vector.transfer_listen, vector.pod_ip)).toEqual({
      advertised: isAddress ? vector.advertised : '',
      isFamilyMismatch: vector.family_mismatch,
    });
  });
});

test.each([
  ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  [':80', { host: '', port: 80 }],
  ['node.example:0', { host: 'node.example', port: 0 }],
  ['::1:80', undefined],
  ['[node]:80', undefined],
  ['127.0.0.1', undefined],
  ['127.0.0.1:99999', undefined],
  ['', undefined],
])('host and port of %s', (text, expected) => {
  expect(parseHostPort(text)).toEqual(expected);
});
