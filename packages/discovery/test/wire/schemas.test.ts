import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCandidatesRequest,
  decodeCandidatesResponse,
  decodeGetResponse,
  decodeGetValue,
  decodeHeartbeat,
  decodeHeartbeatResponse,
  decodePublishAck,
  decodeSearchQuery,
  decodeSearchRequest,
  decodeSearchResult,
  decodeWitnessReport,
  decodeWitnessRequest,
  errorOf,
  LIST_LIMITS,
} from '../../src/wire/schemas.ts';
import { testPeer } from '../support/identities.ts';

const A = testPeer(1);
const B = testPeer(2);
const info = { ID: A, Addrs: ['/ip4/198.51.100.7/tcp/4001'] };
const record = { any: 'thing', nested: [1] };

/** Each decoder with a whole message, and the fields that it asks for. */
const CASES: readonly {
  readonly decode: (value: unknown) => object;
  readonly whole: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
}[] = [
  {
    decode: decodeHeartbeat,
    whole: {
      name: 'alpha',
      did: '',
      peer_id: A,
      timestamp: 1_893_456_000,
      indexers_binded: [A, '/ip4/192.0.2.1/tcp/4001'],
      record,
      need: 3,
      challenges: [A, B],
      challenge_did: '706bcd1d-fff2-59b1-ac51-b0196bd5cccf',
      referent: true,
      seq: 17,
      probe: true,
      local_score: 93.1,
    },
    required: ['peer_id', 'timestamp', 'indexers_binded'],
  },
  {
    decode: decodeHeartbeatResponse,
    whole: {
      fill_rate: 0.84,
      peer_count: 420,
      max_nodes: 500,
      born_at: '2029-12-30T08:00:00.000Z',
      challenges: [
        { peer_id: A, found: true, last_seen: '2029-12-31T23:59:59.812Z' },
        { peer_id: B, found: false },
      ],
      dht_found: true,
      dht_payload: record,
      dht_busy: true,
      witnesses: [info],
      suggestions: [info, { ID: B, Addrs: [] }],
      suggest_migrate: true,
      seq: 17,
      ts: 1_893_456_000_123,
      cached_score: 0.78,
      error: { code: 'full', message: 'no slot', retry_after: 300, score: 1, min_score: 2 },
    },
    required: [],
  },
  { decode: decodeWitnessRequest, whole: { indexer_peer_id: A }, required: ['indexer_peer_id'] },
  {
    decode: decodeWitnessReport,
    whole: { seen: true, born_at: '2029-12-30T08:00:00.000Z', fill_rate: 0.41, score: 91.7 },
    required: ['seen'],
  },
  { decode: decodeCandidatesRequest, whole: { count: 3 }, required: ['count'] },
  { decode: decodeCandidatesResponse, whole: { candidates: [info] }, required: ['candidates'] },
  { decode: decodePublishAck, whole: { ok: true }, required: ['ok'] },
  { decode: decodeGetValue, whole: { key: '', peer_id: A }, required: ['key'] },
  {
    decode: decodeGetResponse,
    whole: { found: true, records: { [A]: record } },
    required: ['found', 'records'],
  },
  {
    decode: decodeSearchRequest,
    whole: { query_id: '5f0c', peer_id: A, did: 'd', name: 'alp' },
    required: ['query_id'],
  },
  {
    decode: decodeSearchResult,
    whole: {
      query_id: '5f0c',
      records: [
        { peer_id: A, did: 'd', name: 'alpha', record },
        { peer_id: B, did: '', name: '' },
      ],
    },
    required: ['query_id', 'records'],
  },
  {
    decode: decodeSearchQuery,
    whole: { query_id: '5f0c', emitter_id: A, peer_id: B, did: 'd', name: 'alp' },
    required: ['query_id', 'emitter_id'],
  },
];

/** Raw JSON: any value will do. */
const RAW = new Set(['record', 'dht_payload']);

function codeOf(decode: (value: unknown) => unknown, value: unknown): string {
  try {
    decode(value);
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? `not coded: ${String(error)}`;
  }
}

describe.each(CASES.map((each) => [each.decode.name, each] as const))(
  '%s',
  (_, { decode, whole, required }) => {
    it('takes the whole message, and ignores what it does not know', () => {
      expect(decode(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
      expect(decode({ ...whole, later: { any: [1] }, Score: 'artefact' })).toEqual(whole);
    });

    it('asks for what is required', () => {
      for (const name of required) {
        const without = Object.fromEntries(Object.entries(whole).filter(([other]) => other !== name));
        expect([name, codeOf(decode, without)]).toEqual([name, 'FRAME_MALFORMED']);
      }
    });

    it('refuses a wrong type of each known field', () => {
      for (const [name, value] of Object.entries(whole)) {
        if (RAW.has(name)) continue;
        for (const wrong of [true, 'text', 1.5, -1, Infinity, 2 ** 60, {}, [null], [[]], [{}], null]) {
          if (typeof wrong === typeof value && typeof wrong !== 'object' && typeof wrong !== 'number')
            continue;
          const isAllowed =
            (wrong === 1.5 && ['retry_after', 'score', 'local_score'].includes(name)) ||
            (wrong === -1 && ['timestamp', 'need', 'ts', 'count'].includes(name)) ||
            (wrong === null && typeof value === 'object') ||
            (typeof wrong === 'object' &&
              wrong !== null &&
              !Array.isArray(wrong) &&
              name === 'records' &&
              !Array.isArray(value));
          expect([name, wrong, codeOf(decode, { ...whole, [name]: wrong })]).toEqual([
            name,
            wrong,
            isAllowed ? 'ok' : 'FRAME_MALFORMED',
          ]);
        }
      }
    });

    it('takes texts and lists of bounded size only', () => {
      for (const [name, value] of Object.entries(whole)) {
        if (typeof value === 'string') {
          const long = { ...whole, [name]: 'x'.repeat(4_000) };
          expect([name, codeOf(decode, long)]).toEqual([name, 'FRAME_MALFORMED']);
        } else if (Array.isArray(value)) {
          const decoded = decode({ ...whole, [name]: Array(5_000).fill(value[0]) }) as Record<
            string,
            unknown[]
          >;
          expect(decoded[name]?.length).toBeLessThanOrEqual(100);
        }
      }
    });

    it('is no trap for members of all objects', () => {
      expect(codeOf(decode, Object.create(whole) as unknown)).toBe('FRAME_MALFORMED');
      const poisoned = JSON.parse(`{"__proto__":${JSON.stringify(whole)}}`) as unknown;
      expect(codeOf(decode, poisoned)).toBe('FRAME_MALFORMED');
      expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    });

    it('decodes, or is FRAME_MALFORMED, whatever the JSON', () => {
      const ok = ['ok', 'FRAME_MALFORMED'];
      fc.assert(fc.property(fc.jsonValue(), (value) => void expect(ok).toContain(codeOf(decode, value))));
      const mutated = fc.record(
        Object.fromEntries(
          Object.entries(whole).map(([name, value]) => [
            name,
            fc.oneof(
              { weight: 6, arbitrary: fc.constant<unknown>(value) },
              fc.jsonValue(),
              fc.double(),
              fc.string(),
            ),
          ]),
        ),
        { requiredKeys: [] },
      );
      fc.assert(
        fc.property(mutated, (value) => {
          const code = codeOf(decode, value);
          expect(ok).toContain(code);
          // What was decoded decodes to itself: nothing is lost or made up on the next hop.
          if (code === 'ok') expect(decode(JSON.parse(JSON.stringify(decode(value))))).toEqual(decode(value));
        }),
      );
    });
  },
);

describe('defaults', () => {
  it('of a heartbeat', () => {
    expect(
      decodeHeartbeat({ peer_id: A, timestamp: 1, indexers_binded: null, stream: null, record: null }),
    ).toEqual({
      peer_id: A,
      timestamp: 1,
      indexers_binded: [],
      need: 0,
      referent: false,
      probe: false,
    });
    const base = { peer_id: A, timestamp: 1, indexers_binded: [] };
    expect(decodeHeartbeat({ ...base, need: -3 }).need).toBe(0);
    expect(decodeHeartbeat({ ...base, challenges: [A, B, A, B] }).challenges).toHaveLength(
      LIST_LIMITS.challenges,
    );
    expect(codeOf(decodeHeartbeat, { ...base, stream: 'x' })).toBe('FRAME_MALFORMED');
    expect(codeOf(decodeHeartbeat, { ...base, local_score: 101 })).toBe('FRAME_MALFORMED');
  });

  it('of a heartbeat response', () => {
    const counts = { fill_rate: 0, peer_count: 0, max_nodes: 10, born_at: '' };
    expect(decodeHeartbeatResponse(counts)).toEqual({
      ...counts,
      dht_found: false,
      dht_busy: false,
      suggest_migrate: false,
    });
    for (const name of Object.keys(counts)) {
      expect(codeOf(decodeHeartbeatResponse, { ...counts, [name]: undefined })).toBe('FRAME_MALFORMED');
    }
    expect(codeOf(decodeHeartbeatResponse, { ...counts, fill_rate: 1.1 })).toBe('FRAME_MALFORMED');
    expect(codeOf(decodeHeartbeatResponse, { ...counts, born_at: 'yesterday' })).toBe('FRAME_MALFORMED');
    const refused = { error: { code: 'low_score', message: '31.8 < 35.0', retry_after: 20 }, seq: 17 };
    expect(decodeHeartbeatResponse(refused)).toMatchObject({ ...refused, max_nodes: 0, born_at: '' });
  });

  it('of a publish ack that is a bare error frame', () => {
    const error = { code: 'expired', message: 'late' };
    expect(decodePublishAck({ error })).toEqual({ ok: false, error });
    expect(decodePublishAck({ ok: true, error: null })).toEqual({ ok: true });
  });

  it('of searches: empty criteria are none, and one is needed', () => {
    expect(decodeSearchRequest({ query_id: 'q', peer_id: '', did: '', name: 'a' })).toEqual({
      query_id: 'q',
      name: 'a',
    });
    expect(codeOf(decodeSearchRequest, { query_id: 'q' })).toBe('FRAME_MALFORMED');
    expect(codeOf(decodeSearchRequest, { query_id: 'q', name: '' })).toBe('FRAME_MALFORMED');
    expect(codeOf(decodeSearchRequest, { query_id: '', name: 'a' })).toBe('FRAME_MALFORMED');
    expect(codeOf(decodeSearchQuery, { query_id: 'q', name: 'a', emitter_id: 'x' })).toBe('FRAME_MALFORMED');
  });

  it('of gets: an empty peer id is none, and another text than a peer id is refused', () => {
    expect(decodeGetValue({ key: 'd', peer_id: '' })).toEqual({ key: 'd' });
    expect(codeOf(decodeGetValue, { key: '', peer_id: '../x' })).toBe('FRAME_MALFORMED');
    expect(decodeGetResponse({ found: false, records: null })).toEqual({ found: false, records: {} });
    expect(codeOf(decodeGetResponse, JSON.parse('{"found":true,"records":{"__proto__":{}}}'))).toBe(
      'FRAME_MALFORMED',
    );
  });
});

describe('errorOf', () => {
  it('finds the error of any frame', () => {
    expect(errorOf({ error: { code: 'banned', message: 'm', retry_after: 1.5, later: 1 } })).toEqual({
      code: 'banned',
      message: 'm',
      retry_after: 1.5,
    });
    for (const value of [undefined, null, 1, 'error', [], {}, { error: null }, [{ error: {} }]]) {
      expect(errorOf(value)).toBeUndefined();
    }
  });

  it('reads codes that it does not know as internal, and cuts messages', () => {
    const error = errorOf({ error: { code: 'from_the_future', message: 'x'.repeat(5_000) } });
    expect(error?.code).toBe('internal');
    expect(error?.message).toHaveLength(1_024);
    expect(errorOf({ error: { code: 'constructor' } })).toEqual({ code: 'internal', message: '' });
  });

  it.each([
    'text',
    1,
    [],
    {},
    { code: 1 },
    { code: 'banned', message: 1 },
    { code: 'banned', retry_after: -1 },
  ])('refuses %j', (error) => {
    expect(codeOf(errorOf, { error })).toBe('FRAME_MALFORMED');
  });
});

it('a negative zero is a zero: it would not survive the next hop', () => {
  expect(decodeCandidatesRequest({ count: -0 })).toEqual({ count: 0 });
  expect(decodeWitnessReport({ seen: true, fill_rate: -0, score: -0 })).toEqual({
    seen: true,
    fill_rate: 0,
    score: 0,
  });
});
