import { expect, test } from 'vitest';
import { formatMemberEntry, parseMemberEntry, parseMembersFile } from '../../src/members/member-file.ts';

test('reads nodes; what is missing is unknown, and ready is the default', () => {
  const text = JSON.stringify({
    nodes: [
      {
        id: 'n1',
        addr: '127.0.0.1:6001',
        zone: 'z1',
        peer_id: '12D3KooW',
        p2p_addrs: [' /ip4/127.0.0.1/tcp/7001 ', ''],
        ready: false,
        comment: 'ours',
      },
      { id: 'n2' },
    ],
  });
  expect(parseMembersFile(text)).toEqual([
    {
      node: {
        id: 'n1',
        addr: '127.0.0.1:6001',
        zone: 'z1',
        peerId: '12D3KooW',
        p2pAddrs: ['/ip4/127.0.0.1/tcp/7001'],
      },
      isReady: false,
    },
    { node: { id: 'n2', addr: '', zone: '', peerId: '', p2pAddrs: [] }, isReady: true },
  ]);
});

test('what is written is read again', () => {
  const entry = {
    node: { id: 'a', addr: '[::1]:5001', zone: 'z', peerId: 'p', p2pAddrs: ['/ip6/::1/tcp/1'] },
    isReady: false,
  };
  expect(parseMemberEntry(formatMemberEntry(entry))).toEqual(entry);
});

test.each([
  '',
  'null',
  '[]',
  '{}',
  '{"nodes":{}}',
  '{"nodes":[null]}',
  '{"nodes":[{}]}',
  '{"nodes":[{"id":""}]}',
  '{"nodes":[{"id":7}]}',
  '{"nodes":[{"id":"a"},{"id":"a"}]}',
  '{"nodes":[{"id":"a","addr":[]}]}',
  '{"nodes":[{"id":"a","ready":"yes"}]}',
  '{"nodes":[{"id":"a","p2p_addrs":"/ip4"}]}',
  '{"nodes":[{"id":"a","p2p_addrs":[1]}]}',
  `{"nodes":[{"id":"${'a'.repeat(2_000)}"}]}`,
])('%s is refused', (text) => {
  expect(() => parseMembersFile(text)).toThrow(expect.objectContaining({ code: 'MEMBERS_INVALID' }));
});
