import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyOriginalNetwork,
  emptyOriginalNode,
  emptyOriginalStore,
  encodeOriginalKey,
  parseOriginalSnapshot,
  writeOriginalSnapshot,
} from '../../src/original/index.ts';
import type { OriginalSnapshotSource, OriginalStore } from '../../src/original/index.ts';
import { anyStore, snapshotOf, vector, vectorBytes } from './fixtures.ts';

function written(source: OriginalSnapshotSource): Buffer {
  return Buffer.concat([...writeOriginalSnapshot(source)]);
}

describe('golden snapshots come back byte for byte', () => {
  it('the full one', () => {
    const file = vectorBytes('snapshot_v1.raw.json');
    const { store } = parseOriginalSnapshot(file);
    const output = writeOriginalSnapshot(store);
    expect(Buffer.concat([...output]).toString()).toBe(file.toString());
    const checksum = 'd50fd16c4a4321fb9e1abc9f225c9a78769d83e6ad1f7cb7dad35b24b663853e';
    expect(output.summary()).toEqual({ bytes: file.length, checksum, leftOut: [] });
  });

  it('all that load and have a checksum', () => {
    const { cases } = vector<{ cases: { file_utf8: string; loads: boolean; checksum?: string }[] }>(
      'snapshot_v1.json',
    );
    const loadable = cases.filter(({ loads, checksum }) => loads && checksum !== undefined);
    expect(loadable).toHaveLength(3);
    for (const { file_utf8: file } of loadable) {
      expect(written(parseOriginalSnapshot(Buffer.from(file)).store).toString()).toBe(file);
    }
  });

  it('the legacy one with version and checksum', () => {
    const { file_utf8: file } = vector<{ file_utf8: string }>('snapshot_v0.json');
    const { store } = parseOriginalSnapshot(Buffer.from(file));
    const body = `{"version":1,${file.slice(1)}`;
    const checksum = createHash('sha256').update(body).digest('hex');
    expect(written(store).toString()).toBe(`${body.slice(0, -1)},"checksum":"${checksum}"}`);
  });
});

describe('round trip', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(anyStore, (store) => {
        const output = writeOriginalSnapshot(store);
        const read = parseOriginalSnapshot(Buffer.concat([...output]));
        expect(read.checksum).toBe('verified');
        expect(comparable(read.store)).toEqual(comparable(store));
        expect(output.summary().leftOut).toEqual([]);
        expect(written(read.store).toString()).toBe(written(store).toString());
      }),
    );
  });

  it('survives a reformatting of the file', () => {
    fc.assert(
      fc.property(anyStore, (store) => {
        const reformatted = JSON.stringify(JSON.parse(written(store).toString()), null, 2);
        expect(parseOriginalSnapshot(Buffer.from(reformatted)).checksum).toBe('verified-by-reencoding');
      }),
      { numRuns: 50 },
    );
  });

  /** Without `asWritten` (times with a fraction are kept literally) and with text as JSON can carry it. */
  function comparable(store: OriginalStore): unknown {
    return JSON.parse(
      JSON.stringify(store, (name, value: unknown) => {
        if (name === 'asWritten' || name === 'unknown') return undefined;
        if (value instanceof Map) return [...(value as Map<unknown, unknown>)].sort(byKey);
        if (value instanceof Uint8Array) return [...value];
        return value;
      }),
    );
  }

  function byKey([left]: [unknown, unknown], [right]: [unknown, unknown]): number {
    return String(left) < String(right) ? -1 : 1;
  }
});

describe('encoding', () => {
  it('writes text as the original does in snapshots', () => {
    const store = emptyOriginalStore();
    const node = emptyOriginalNode(1);
    node.hostname = '<&>\u2028\u007f\b\u0001\ud800"';
    store.nodes.set(1, node);
    expect(written(store).toString()).toContain('"hostname":"<&>\\u2028\u007f\\b\\u0001\ufffd\\""');
  });

  it('sorts ids as text', () => {
    const store = emptyOriginalStore();
    const ids = [1, 2, 9, 10, 11, 19, 100, 101, 110, 4_294_967_295, 429_496_729, 999_999_999, 1_000_000_000];
    for (const id of ids) store.nodes.set(id, emptyOriginalNode(id));
    const keys = [
      ...written(store)
        .toString()
        .matchAll(/"(\d+)":\{"id"/g),
    ].map(([, key]) => key);
    expect(keys).toEqual(ids.map(String).sort());
  });

  it('keeps an expression policy verbatim but for white space', () => {
    const policy = '{"version": 1, "10": 1.50, "2": 12345678901234567890, "a b": "x \\u003c <\\n"}';
    const networks = `{"0":{"id":0,"name":"b","join_rule":"open","members":[],"expr_policy": ${policy},"created":""}}`;
    const file = `{"version":1,"next_node":1,"next_net":1,"nodes":{},"networks":${networks}}`;
    const compact = '{"version":1,"10":1.50,"2":12345678901234567890,"a b":"x \\u003c <\\n"}';
    const { store } = parseOriginalSnapshot(Buffer.from(file));
    expect(store.networks.get(0)?.exprPolicy).toBe(compact);
    expect(written(store).toString()).toContain(`"expr_policy":${compact},`);
  });

  it('writes the literal form only as long as it means the same', () => {
    const { store } = parseOriginalSnapshot(vectorBytes('snapshot_v1.raw.json'));
    const node = store.nodes.get(11);
    const request = store.handshakeInbox.get(9)?.[0];
    if (node === undefined || request === undefined) throw new Error('the vector has both');
    node.lastSeenMs = Date.parse('2026-08-02T00:00:00.999Z');
    node.publicKey = new Uint8Array(32).fill(7);
    request.timestampMs = Date.parse('2026-08-02T00:00:00.120Z');
    const text = written(store).toString();
    expect(text).toContain(
      `"public_key":"${encodeOriginalKey(node.publicKey)}","networks":[0],"last_seen":"2026-08-02T00:00:00Z"`,
    );
    expect(text).toContain('"timestamp":"2026-08-02T00:00:00.12Z"');
    expect(text).not.toContain('+02:00');
  });

  it('reports what it leaves out', () => {
    const nodes = { '1': { id: 1, networks: [0], polo: 1 }, '2': { id: 2, networks: [0], polo: 2 } };
    const { store } = parseOriginalSnapshot(snapshotOf({ next_node: 3, nodes, future: true }));
    const network = emptyOriginalNetwork(7);
    network.exprPolicy = '{"broken';
    network.createdAtMs = 9e15;
    network.requestCount = Number.NaN;
    store.networks.set(7, network);
    const output = writeOriginalSnapshot(store);
    const file = Buffer.concat([...output]);
    expect(output.summary().leftOut).toEqual([
      { pattern: 'nodes.*.polo', reason: 'unknown-member', count: 2, example: 'nodes.1.polo' },
      {
        pattern: 'networks.*.expr_policy',
        reason: 'unrepresentable',
        count: 1,
        example: 'networks.7.expr_policy',
      },
      {
        pattern: 'networks.*.request_count',
        reason: 'unrepresentable',
        count: 1,
        example: 'networks.7.request_count',
      },
      { pattern: 'networks.*.created', reason: 'unrepresentable', count: 1, example: 'networks.7.created' },
      { pattern: 'future', reason: 'unknown-member', count: 1, example: 'future' },
    ]);
    expect(parseOriginalSnapshot(file).checksum).toBe('verified');
  });
});

describe('streaming', () => {
  it('makes entries on the fly and hands out bounded chunks', () => {
    const count = 5_000;
    const nodes = {
      size: count,
      *keys() {
        for (let id = 1; id <= count; id += 1) yield id;
      },
      get: (id: number) => (id === 77 ? undefined : { ...emptyOriginalNode(id), networks: [0] }),
    };
    const networks = new Map([[0, { ...emptyOriginalNetwork(0), name: 'backbone', joinRule: 'open' }]]);
    const output = writeOriginalSnapshot({ ...emptyOriginalStore(), nextNode: count + 1, nodes, networks });
    expect(() => output.summary()).toThrowError(
      expect.objectContaining({ code: 'ORIGINAL_EXPORT_INCOMPLETE' }),
    );
    const chunks = [...output];
    expect(chunks.length).toBeGreaterThan(3);
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(70_000);
    const { store, checksum, bytes } = parseOriginalSnapshot(Buffer.concat(chunks));
    expect(checksum).toBe('verified');
    expect(bytes).toBe(output.summary().bytes);
    expect(store.nodes.size).toBe(count - 1);
  });
});
