import { describe, expect, it } from 'vitest';
import { OriginalWarnings, parseOriginalSnapshot } from '../../src/original/index.ts';
import { snapshotOf } from './fixtures.ts';

const keyA = Buffer.alloc(32, 1).toString('base64');
const keyB = Buffer.alloc(32, 2).toString('base64');

function node(id: number, more: object = {}): object {
  return { id, public_key: Buffer.alloc(32, 100 + id).toString('base64'), networks: [0], ...more };
}

function backbone(...members: number[]): object {
  return { id: 0, name: 'backbone', join_rule: 'open', members, created: '2026-06-01T00:00:00Z' };
}

/** The warnings of a snapshot with nodes 1 and 2, as `code path`. */
function found(members: Readonly<Record<string, unknown>>): string[] {
  const nodes = { '1': node(1), '2': node(2) };
  const bytes = snapshotOf({
    next_node: 50,
    next_net: 50,
    nodes,
    networks: { '0': backbone(1, 2) },
    ...members,
  });
  return parseOriginalSnapshot(bytes).warnings.warnings.map(({ code, path }) => `${code} ${path}`);
}

describe('cross-references of a store', () => {
  it.each<[string, Readonly<Record<string, unknown>>, string[]]>([
    ['a sound store', {}, []],
    [
      'names that are taken twice',
      {
        nodes: {
          '1': node(1, { hostname: 'h', owner: 'o', public_key: keyA }),
          '2': node(2, { hostname: 'h', owner: 'o', public_key: keyA }),
        },
      },
      [
        'KEY_INDEX_CONFLICT nodes.2.public_key',
        'DUPLICATE_HOSTNAME nodes.2.hostname',
        'DUPLICATE_OWNER nodes.2.owner',
        'DUPLICATE_KEY nodes.2.public_key',
      ],
    ],
    [
      'members that do not exist or do not agree',
      {
        networks: {
          '0': backbone(1, 2),
          '3': {
            id: 3,
            name: 'n',
            members: [1, 9],
            member_roles: { '1': 'owner' },
            created: '2026-06-01T00:00:00Z',
          },
        },
      },
      ['MEMBER_NOT_LISTED networks.3.members', 'MEMBER_WITHOUT_NODE networks.3.members'],
    ],
    [
      'networks that do not exist or do not agree',
      {
        nodes: { '1': node(1, { networks: [0, 3, 4] }), '2': node(2) },
        networks: { '0': backbone(1, 2), '3': { id: 3, name: 'n', created: '2026-06-01T00:00:00Z' } },
      },
      ['NODE_NOT_LISTED nodes.1.networks', 'NETWORK_UNKNOWN nodes.1.networks'],
    ],
    [
      'roles and tags',
      {
        nodes: { '1': node(1, { networks: [0, 3] }), '2': node(2) },
        networks: {
          '0': backbone(1, 2),
          '3': {
            id: 3,
            name: 'backbone',
            members: [1],
            member_roles: { '1': 'king', '2': 'owner' },
            member_tags: { '2': ['x'] },
            created: '2026-06-01T00:00:00Z',
          },
        },
      },
      [
        'TAGS_WITHOUT_MEMBER networks.3.member_tags.2',
        'ROLE_UNKNOWN networks.3.member_roles.1',
        'ROLE_WITHOUT_MEMBER networks.3.member_roles.2',
        'NETWORK_WITHOUT_OWNER networks.3',
        'DUPLICATE_NETWORK_NAME networks.3.name',
      ],
    ],
    [
      'trust',
      { trust_pairs: ['1:2', '1:1', '1:9', '1:8'], pub_key_idx: { [keyB]: 8 } },
      ['TRUST_PAIR_INVALID trust_pairs.1', 'TRUST_UNKNOWN_NODE trust_pairs.2'],
    ],
    [
      'inboxes',
      {
        handshake_inbox: { '9': [{ from_node_id: 1, justification: '', timestamp: '2026-06-01T00:00:00Z' }] },
        handshake_responses: { '1': [{ from_node_id: 9, accept: true, timestamp: '2026-06-01T00:00:00Z' }] },
        invite_inbox: { '1': [{ network_id: 7, inviter_id: 2, timestamp: '2026-06-01T00:00:00Z' }] },
        rbac_pre_assign: { '7': [] },
      },
      [
        'INBOX_UNKNOWN_NODE handshake_inbox.9',
        'INBOX_UNKNOWN_NODE handshake_responses.1',
        'INVITE_UNKNOWN_NETWORK invite_inbox.1',
        'PRE_ASSIGN_UNKNOWN_NETWORK rbac_pre_assign.7',
      ],
    ],
    [
      'the key index',
      { pub_key_idx: { short: 1, [keyB]: 0 } },
      ['KEY_INDEX_INVALID pub_key_idx.short', `KEY_INDEX_INVALID pub_key_idx.${keyB}`],
    ],
    ['counters', { next_node: 2, next_net: 0 }, ['NEXT_NODE_TOO_LOW next_node']],
  ])('%s', (_name, members, expected) => {
    expect(found(members)).toEqual(expected);
  });

  it('can be left out', () => {
    const bytes = snapshotOf({ trust_pairs: ['1:2'] });
    expect(parseOriginalSnapshot(bytes, { check: false }).warnings.warnings).toEqual([]);
  });

  it('lists a bounded number and counts all', () => {
    const warnings = new OriginalWarnings(2);
    parseOriginalSnapshot(snapshotOf({ trust_pairs: ['1:2', '1:3', '1:4', '1:5', '6:6'] }), { warnings });
    expect(warnings.warnings).toHaveLength(2);
    expect(warnings.totals).toEqual(new Map([['TRUST_UNKNOWN_NODE', 5]]));
  });
});
