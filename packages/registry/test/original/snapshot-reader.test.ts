import { MusterError } from '@muster/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  originalErrors,
  parseOriginalSnapshot,
  readOriginalSnapshot,
  writeOriginalSnapshot,
} from '../../src/original/index.ts';
import type { OriginalSnapshot } from '../../src/original/index.ts';
import { snapshotOf, vector, vectorBytes, withChecksum } from './fixtures.ts';

interface SnapshotCase {
  readonly name: string;
  readonly file_utf8: string;
  readonly checksum?: string;
  readonly loads: boolean;
}

const { cases } = vector<{ cases: SnapshotCase[] }>('snapshot_v1.json');

/** The coded error of reading, or undefined when it is read. Anything without one of our codes fails the test. */
function refusal(bytes: Uint8Array): MusterError | undefined {
  try {
    parseOriginalSnapshot(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof MusterError && error.code in originalErrors.definitions) return error;
    throw error;
  }
}

function codesOf({ warnings }: OriginalSnapshot): string[] {
  return warnings.warnings.map(({ code }) => code);
}

/** Chunks in one buffer that is used again for each, as a reader of a file may do. */
async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.length);
  }
}

describe('golden snapshots', () => {
  it.each(cases)('$name', ({ file_utf8: file, loads, checksum }) => {
    const error = refusal(Buffer.from(file));
    expect(error === undefined).toBe(loads);
    if (error !== undefined) return;
    expect(parseOriginalSnapshot(Buffer.from(file)).checksum).toBe(
      checksum === undefined ? 'absent' : 'verified',
    );
  });

  it('says what is wrong with the refused ones', () => {
    const tampered = cases.find(({ name }) => name.startsWith('tampered'));
    const truncated = cases.find(({ name }) => name.startsWith('truncated'));
    expect(refusal(Buffer.from(tampered?.file_utf8 ?? ''))?.code).toBe('ORIGINAL_SNAPSHOT_CHECKSUM');
    const cut = refusal(Buffer.from(truncated?.file_utf8 ?? ''));
    expect(cut?.code).toBe('ORIGINAL_SNAPSHOT_SYNTAX');
    expect(cut?.details['position']).toBe(Buffer.byteLength(truncated?.file_utf8 ?? ''));
  });

  it('reads every member of the full one', () => {
    const { store, bytes } = parseOriginalSnapshot(vectorBytes('snapshot_v1.raw.json'));
    expect(bytes).toBe(4330);
    expect([...store.nodes.keys()].sort((left, right) => left - right)).toEqual([7, 9, 11]);
    const node = store.nodes.get(7);
    expect(node?.publicKey).toHaveLength(32);
    expect(node?.lastSeenMs).toBe(Date.parse('2026-08-01T12:00:00Z'));
    expect(node?.keyExpiresAtMs).toBe(Date.parse('2027-01-01T00:00:00Z'));
    expect(node?.lanAddresses).toEqual(['192.168.1.5:4000']);
    expect(node?.relayOnly).toBe(true);
    expect(store.nodes.get(11)?.lastSeenMs).toBe(Date.parse('2026-08-01T09:00:00Z'));
    expect(store.nodes.get(9)?.version).toBe('<v&1>');
    const network = store.networks.get(3);
    expect(network?.memberRoles).toEqual(
      new Map([
        [5, 'admin'],
        [7, 'owner'],
        [9, 'member'],
      ]),
    );
    expect(network?.policy).toMatchObject({ maxMembers: 50, allowedPorts: [80, 443], description: 'prod' });
    expect(network?.rules).toMatchObject({ links: 10, pruneBy: 'score', grace: '1h' });
    expect(network?.exprPolicy).toContain('"match":"port < 1024 && true"');
    expect(store.trustPairs).toEqual([[7, 9]]);
    expect(store.pubKeyIdx.get('JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=')).toBe(5);
    expect(store.handshakeInbox.get(9)?.[0]?.timestampMs).toBe(Date.parse('2026-08-01T11:58:00.123Z'));
    expect(store.handshakeResponses.get(7)?.[0]).toMatchObject({ fromNodeId: 9, accept: true });
    expect(store.inviteInbox.get(9)?.[0]).toMatchObject({ networkId: 3, inviterId: 7 });
    expect(store.statistics).toMatchObject({ totalRequests: 123_456, lastHeartbeatMs: 1_785_585_600_000 });
    expect(store.statistics.probeStates.get('beacon')?.currentDownStartMs).toBe(1_785_585_590_000);
    expect(store.statistics.networkHourlyHistory.get(3)?.[0]?.requests).toBe(40);
    expect(store.auditLog).toHaveLength(3);
    expect(store.idpConfig?.clientId).toBe('client-1');
    expect(store.auditExportConfig?.source).toBe('pilot');
    expect(store.rbacPreAssign.get(3)).toMatchObject([{ externalId: 'carol@example.com', role: 'admin' }]);
    expect(store.term).toBe(2);
  });

  it('reads a legacy file', () => {
    const { file_utf8: file } = vector<SnapshotCase>('snapshot_v0.json');
    const snapshot = parseOriginalSnapshot(Buffer.from(file));
    expect(snapshot.checksum).toBe('absent');
    expect(snapshot.store.version).toBe(0);
    expect(snapshot.store.nodes.get(1)).toMatchObject({ hostname: 'alpha', tags: ['gpu'], taskExec: true });
    expect(snapshot.store.ownerIdx).toEqual(new Map([['alice@example.com', 1]]));
    expect(snapshot.warnings.warnings).toEqual([]);
  });

  it('reads the same from chunks of any size', async () => {
    const bytes = vectorBytes('snapshot_v1.raw.json');
    const whole = parseOriginalSnapshot(bytes);
    for (const size of [1, 2, 3, 7, 64, 255, 256, 257, 1000, 4330]) {
      const read = await readOriginalSnapshot(inChunks(bytes, size));
      expect(read.checksum).toBe('verified');
      expect(read.store).toEqual(whole.store);
    }
    expect((await readOriginalSnapshot(bytes)).store).toEqual(whole.store);
  });
});

describe('checksum', () => {
  const body = cases[0]?.file_utf8.replace(/,"checksum":"[0-9a-f]{64}"\}$/, '}') ?? '';

  it('verifies what a writer with HTML escapes wrote', () => {
    const escaped = body.replace(/[<>&]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);
    expect(escaped).toContain('\\u003cv\\u00261\\u003e');
    const onRawBytes = parseOriginalSnapshot(withChecksum(escaped));
    expect(onRawBytes.checksum).toBe('verified');
    // The same content reformatted, with the checksum of the escaped text.
    const { checksum } = JSON.parse(withChecksum(escaped).toString()) as { checksum: string };
    const reformatted = JSON.stringify({ ...(JSON.parse(body) as object), checksum }, null, 1);
    const read = parseOriginalSnapshot(Buffer.from(reformatted));
    expect(read.checksum).toBe('verified-by-reencoding');
    expect(read.store.nodes).toEqual(parseOriginalSnapshot(withChecksum(body)).store.nodes);
  });

  it('verifies a file whose members were put in another order', () => {
    const { checksum, ...members } = JSON.parse(withChecksum(body).toString()) as Record<string, unknown>;
    const reversed = Object.fromEntries(Object.entries(members).toReversed());
    const read = parseOriginalSnapshot(Buffer.from(JSON.stringify({ checksum, ...reversed })));
    expect(read.checksum).toBe('verified-by-reencoding');
  });

  it('accepts unknown members on the raw bytes, and nothing that was altered', () => {
    const extended = body.replace('"owner":', '"polo_score":3,"owner":');
    expect(parseOriginalSnapshot(withChecksum(extended)).checksum).toBe('verified');
    for (const [from, to] of [
      ['alice', 'alicf'],
      ['"public":true,', ''],
      ['"term":2', '"term":3'],
      ['port < 1024', 'port < 1025'],
    ] as const) {
      const altered = Buffer.from(withChecksum(body).toString().replace(from, to));
      expect(refusal(altered)?.code).toBe('ORIGINAL_SNAPSHOT_CHECKSUM');
    }
  });

  it('tolerates white space behind the object', () => {
    expect(parseOriginalSnapshot(Buffer.concat([withChecksum(body), Buffer.from(' \r\n')])).checksum).toBe(
      'verified',
    );
    const far = Buffer.concat([withChecksum(body), Buffer.alloc(1000, ' ')]);
    expect(parseOriginalSnapshot(far).checksum).toBe('verified-by-reencoding');
  });

  it('detects every changed byte that changes what the file says', () => {
    const file = withChecksum(body);
    const accepted: string[] = [];
    for (let at = 0; at < Buffer.byteLength(body) - 1; at += 1) {
      const altered = Buffer.from(file);
      altered[at] = (altered[at] ?? 0) ^ 0x01;
      if (refusal(altered) !== undefined) continue;
      // For example the name of a member whose value is empty.
      const { store, checksum } = parseOriginalSnapshot(altered);
      expect(checksum).toBe('verified-by-reencoding');
      expect(Buffer.concat([...writeOriginalSnapshot(store)]).toString()).toBe(file.toString());
      accepted.push(altered.subarray(at - 1, at + 10).toString());
    }
    expect(accepted.length).toBeLessThan(30);
  });
});

describe('damage', () => {
  it('is a coded error at every length of a cut file', () => {
    const bytes = vectorBytes('snapshot_v1.raw.json');
    for (let length = 0; length < bytes.length; length += 1) {
      expect(refusal(bytes.subarray(0, length))?.code, `length ${length}`).toBe('ORIGINAL_SNAPSHOT_SYNTAX');
    }
  });

  it('never throws anything but coded errors', () => {
    const bytes = vectorBytes('snapshot_v1.raw.json');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (any) => void refusal(any)));
    fc.assert(fc.property(fc.json(), (any) => void refusal(Buffer.from(any))));
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.length - 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        (at, patch) => {
          const patched = Buffer.from(bytes);
          patched.set(patch.subarray(0, patched.length - at), at);
          refusal(patched);
        },
      ),
    );
    const members = Object.keys(JSON.parse(bytes.toString()) as object);
    fc.assert(
      fc.property(fc.constantFrom(...members), fc.jsonValue(), (member, value) => {
        refusal(snapshotOf({ [member]: value }));
      }),
    );
  });

  it.each([
    ['', 'a JSON object is expected', 0],
    ['[]', 'a JSON object is expected', 0],
    ['\ufeff{}', 'a JSON object is expected', 0],
    ['{"a":1} x', 'after the end', 8],
    ['{"a" 1}', 'a colon is expected', 5],
    ['{"a":1,}', 'a member name is expected', 7],
    ['{"a":,}', 'a value is expected', 5],
    ['{"a":1 2}', 'a comma', 7],
    ['{"nodes":{"1":{]}}', 'not valid JSON', 14],
    ['{"nodes":{"1":tru}}', 'not valid JSON', 14],
    [`{"a":${'['.repeat(1001)}`, 'nest too deeply', 1005],
  ])('tells where: %j', (text, problem, position) => {
    const error = refusal(Buffer.from(text));
    expect(error?.code).toBe('ORIGINAL_SNAPSHOT_SYNTAX');
    if (text !== '') expect(error?.message).toContain(problem);
    expect(error?.details['position']).toBe(position);
  });

  it.each([
    [{ next_node: -1 }, 'next_node'],
    [{ next_node: 4_294_967_296 }, 'next_node'],
    [{ next_net: 1.5 }, 'next_net'],
    [{ nodes: [] }, undefined],
    [{ nodes: [1] }, 'nodes'],
    [{ nodes: 'x' }, 'nodes'],
    [{ trust_pairs: { '1': 2 } }, 'trust_pairs'],
    [{ trust_pairs: [1] }, 'trust_pairs.0'],
    [{ nodes: { '1': { id: '1' } } }, 'nodes.1.id'],
    [{ nodes: { '1': { id: 1, tags: [1] } } }, 'nodes.1.tags.0'],
    [{ nodes: { '1': { id: 1, recovery_consumed_exp: true } } }, 'nodes.1.recovery_consumed_exp'],
    [{ networks: { '1': { id: 1, member_roles: { x: 'owner' } } } }, 'networks.1.member_roles.x'],
    [{ handshake_inbox: { '-1': [] } }, 'handshake_inbox.-1'],
    [{ handshake_inbox: { '01': [] } }, 'handshake_inbox.01'],
    [{ pub_key_idx: { k: 'x' } }, 'pub_key_idx.k'],
    [{ audit_log: [{ action: 1 }] }, 'audit_log.0.action'],
    [{ checksum: 5 }, 'checksum'],
  ])('refuses a member of a wrong type: %j', (members, path) => {
    const error = refusal(snapshotOf(members));
    if (path === undefined) return expect(error).toBeUndefined();
    expect(error?.code).toBe('ORIGINAL_SNAPSHOT_SHAPE');
    expect(error?.details['path']).toBe(path);
    expect(error?.details['position']).toBeGreaterThan(0);
    return undefined;
  });

  it('refuses an object that is no snapshot at all', () => {
    expect(refusal(Buffer.from('{}'))?.details['path']).toBe('next_node');
    expect(refusal(Buffer.from('{"next_node":1,"next_net":1,"nodes":{}}'))?.details['path']).toBe('networks');
  });

  it('refuses a newer version', () => {
    const error = refusal(snapshotOf({ version: 2 }));
    expect(error?.code).toBe('ORIGINAL_SNAPSHOT_VERSION');
    expect(error?.details).toMatchObject({ version: 2, newest: 1, position: 11 });
  });

  it('bounds one element, not the file', () => {
    const bytes = vectorBytes('snapshot_v1.raw.json');
    expect(() => parseOriginalSnapshot(bytes, { maxElementBytes: 500 })).toThrowError(
      expect.objectContaining({ code: 'ORIGINAL_SNAPSHOT_TOO_LARGE' }),
    );
    expect(parseOriginalSnapshot(bytes, { maxElementBytes: 1500 }).checksum).toBe('verified');
  });
});

describe('load rules', () => {
  it('makes the first member of a network without roles its owner', () => {
    const members = [4, 2, 4, 3];
    const snapshot = parseOriginalSnapshot(
      snapshotOf({ next_net: 6, networks: { '5': { id: 5, name: 'n', join_rule: 'open', members } } }),
    );
    const network = snapshot.store.networks.get(5);
    expect(network?.members).toEqual([4, 2, 3]);
    expect(network?.memberRoles).toEqual(
      new Map([
        [4, 'owner'],
        [2, 'member'],
        [3, 'member'],
      ]),
    );
    expect(codesOf(snapshot)).toEqual(
      expect.arrayContaining(['DUPLICATE_MEMBER', 'ROLES_ASSUMED', 'BACKBONE_MISSING']),
    );
  });

  it('puts every node on the backbone', () => {
    const snapshot = parseOriginalSnapshot(
      snapshotOf({ next_node: 3, nodes: { '1': { id: 1, networks: null }, '2': { id: 2, networks: [0] } } }),
    );
    expect(snapshot.store.networks.get(0)?.members).toEqual([1, 2]);
    expect(snapshot.store.nodes.get(1)?.networks).toEqual([0]);
    expect(snapshot.warnings.totals.get('BACKBONE_INCOMPLETE')).toBe(2);
  });

  it('loads a node without a valid key and flags it', () => {
    const nodes = {
      '1': { id: 1, public_key: 'AAAA', networks: [0] },
      '2': { id: 2, public_key: '', networks: [0] },
    };
    const snapshot = parseOriginalSnapshot(snapshotOf({ next_node: 3, nodes }));
    expect(snapshot.store.nodes.get(1)?.publicKey).toBeUndefined();
    expect(snapshot.warnings.totals.get('NODE_KEY_INVALID')).toBe(2);
  });

  it('keeps unknown members on every level and reports each kind once', () => {
    const node = (id: number): object => ({ id, networks: [0], polo_score: id });
    const snapshot = parseOriginalSnapshot(
      snapshotOf({
        next_node: 3,
        nodes: { '1': node(1), '2': node(2) },
        networks: { '0': { id: 0, name: 'backbone', members: [1, 2], policy: { colour: 'red' } } },
        future: { deep: [1] },
      }),
    );
    expect(snapshot.store.unknown).toEqual(new Map([['future', { deep: [1] }]]));
    expect(snapshot.store.nodes.get(2)?.unknown).toEqual(new Map([['polo_score', 2]]));
    expect(snapshot.store.networks.get(0)?.policy?.unknown).toEqual(new Map([['colour', 'red']]));
    const unknown = snapshot.warnings.warnings.filter(({ code }) => code === 'UNKNOWN_MEMBER');
    expect(unknown.map(({ path }) => path).sort()).toEqual([
      'future',
      'networks.*.policy.colour',
      'nodes.*.polo_score',
    ]);
  });

  it('reads times with any offset, keeps unreadable ones as text, and reads an expiry as number or text', () => {
    const nodes = {
      '1': {
        id: 1,
        networks: [0],
        last_seen: '2026-08-01T12:00:00.5-07:30',
        recovery_consumed_exp: 1_785_585_600,
      },
      '2': { id: 2, networks: [0], last_seen: 'yesterday', recovery_consumed_exp: '2026-08-01T12:00:00Z' },
      '3': { id: 3, networks: [0], last_seen: '0001-01-01T00:00:00Z', recovery_consumed_exp: '1785585600' },
    };
    const snapshot = parseOriginalSnapshot(snapshotOf({ next_node: 4, nodes }));
    const [first, second, third] = [1, 2, 3].map((id) => snapshot.store.nodes.get(id));
    expect(first?.lastSeenMs).toBe(Date.parse('2026-08-01T19:30:00.500Z'));
    expect(second?.lastSeenMs).toBeUndefined();
    expect(second?.asWritten?.['last_seen']).toBe('yesterday');
    expect(third?.lastSeenMs).toBeUndefined();
    for (const node of [first, second, third]) {
      expect(node?.recoveryConsumedExpiresAtMs).toBe(Date.parse('2026-08-01T12:00:00Z'));
    }
    expect(snapshot.warnings.totals.get('TIME_INVALID')).toBe(1);
  });

  it('reads null as the zero value everywhere', () => {
    const whole = JSON.parse(vectorBytes('snapshot_v1.raw.json').toString()) as Record<string, object>;
    const members = Object.keys(whole).filter((name) => !['version', 'checksum'].includes(name));
    for (const name of members) expect(refusal(snapshotOf({ [name]: null })), name).toBeUndefined();
    for (const name of Object.keys((whole['nodes'] as Record<string, object>)['7'] ?? {})) {
      expect(refusal(snapshotOf({ nodes: { '7': { id: 7, [name]: null } } })), name).toBeUndefined();
    }
  });

  it('raises counters above every id that was given out, and leaves used-up ones', () => {
    const nodes = { '9': { id: 9, networks: [0] } };
    const key = Buffer.alloc(32, 1).toString('base64');
    const low = parseOriginalSnapshot(snapshotOf({ next_node: 3, nodes, pub_key_idx: { [key]: 12 } }));
    expect(low.store.nextNode).toBe(13);
    expect(codesOf(low)).toContain('NEXT_NODE_TOO_LOW');
    const usedUp = parseOriginalSnapshot(snapshotOf({ next_node: 0, next_net: 0, nodes }));
    expect([usedUp.store.nextNode, usedUp.store.nextNet]).toEqual([0, 0]);
  });

  it('loads trust pairs in their usual form and reports others', () => {
    const { store, warnings } = parseOriginalSnapshot(
      snapshotOf({ trust_pairs: ['2:1', '3:4', 'x', '5', '1:4294967296'] }),
    );
    expect(store.trustPairs).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(warnings.totals.get('TRUST_PAIR_INVALID')).toBe(4);
  });

  it('settles which id an entry has', () => {
    const nodes = { '5': { id: 6 }, '6': { id: 6, hostname: 'right' }, '7': {}, x: {}, '8': { id: 9 } };
    const networks = {
      '0': { id: 0, name: 'backbone' },
      '4': { id: 3 },
      '3': { id: 3, name: 'right' },
      '2': {},
    };
    const { store, warnings } = parseOriginalSnapshot(snapshotOf({ nodes, networks }));
    expect([...store.nodes.keys()].sort()).toEqual([6, 7, 9]);
    expect(store.nodes.get(6)?.hostname).toBe('right');
    expect([...store.networks.keys()].sort()).toEqual([0, 2, 3]);
    expect(store.networks.get(3)?.name).toBe('right');
    expect(warnings.totals.get('ID_INVALID')).toBe(1);
    expect(warnings.totals.get('NODE_DUPLICATE')).toBe(1);
    expect(warnings.totals.get('NETWORK_DUPLICATE')).toBe(1);
  });
});
