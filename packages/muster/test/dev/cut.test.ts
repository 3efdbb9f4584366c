import { expect, it } from 'vitest';
import { cutFor, HEALED } from '../../src/dev/cut.ts';

const members = [
  { name: 'registry', peerId: undefined, endpoints: ['127.0.0.1:9000'] },
  { name: 'alpha', peerId: 'A', endpoints: ['127.0.0.1:1'] },
  { name: 'bravo', peerId: 'B', endpoints: ['127.0.0.1:2', '127.0.0.1:3'] },
  { name: 'charlie', peerId: 'C', endpoints: ['127.0.0.1:4'] },
];

it('a member is cut off from all other groups, and from nobody in its own', () => {
  const groups = [['alpha'], ['bravo', 'registry']];
  expect(cutFor('alpha', groups, members)).toEqual({
    type: 'cut',
    peers: ['B'],
    addresses: ['127.0.0.1:9000', '127.0.0.1:2', '127.0.0.1:3'],
  });
  expect(cutFor('bravo', groups, members)).toEqual({ type: 'cut', peers: ['A'], addresses: ['127.0.0.1:1'] });
});

it('who is in no group is untouched', () => {
  expect(cutFor('charlie', [['alpha'], ['bravo']], members)).toEqual(HEALED);
  expect(cutFor('alpha', [['alpha'], ['bravo']], members).peers).not.toContain('C');
});
