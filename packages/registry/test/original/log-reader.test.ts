import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeOriginalLogRecord,
  maxLogRecordBytes,
  readOriginalLog,
  writeOriginalLog,
} from '../../src/original/index.ts';
import type { OriginalLogRecord } from '../../src/original/index.ts';
import { anyLog } from './log-fixtures.ts';
import { vector, vectorBytes } from './fixtures.ts';

interface LogVectors {
  readonly records: { json_utf8: string; offset: number; record_hex: string; type: number }[];
  readonly edge_cases: { name: string; file_hex: string; records_applied: number; error: boolean }[];
}

const vectors = vector<LogVectors>('wal.json');
const sample = vectorBytes('wal_sample.bin');

const deregister = (nodeId: number): Buffer =>
  Buffer.from(encodeOriginalLogRecord({ kind: 'deregister', sequence: 0, subject: nodeId, nodeId }));

function framed(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A registration that the original appends but doesn't replay. */
function poison(nodeId: number): Buffer {
  const data = {
    node_id: nodeId,
    public_key: '',
    lan_addrs: Array.from({ length: 60_000 }, () => '192.168.100.100:4000'),
  };
  return framed(JSON.stringify({ seq_no: 0, type: 1, node_id: nodeId, data }));
}

function nodeIds(records: readonly OriginalLogRecord[]): (number | undefined)[] {
  return records.map((record) => record.subject);
}

describe('golden log', () => {
  it('reads every record of the sample', () => {
    const log = readOriginalLog(sample);
    expect(log.stopped).toBeUndefined();
    expect(log.skipped).toEqual([]);
    expect(log.records).toHaveLength(vectors.records.length);
    expect(log.records.map(({ kind }) => kind)).toEqual([
      'register',
      'register',
      ...Array.from({ length: 6 }, () => 'reserved'),
      'network-create',
      'network-create',
      'network-join',
      'network-leave',
      'key-rotation',
      'key-rotation',
      'reserved',
      'network-delete',
      'deregister',
      'unknown',
    ]);
    expect(log.records[0]).toMatchObject({
      nodeId: 7,
      hostname: 'alpha',
      lanAddresses: ['192.168.1.5:4000'],
    });
    expect(log.records[8]).toMatchObject({ networkId: 3, enterprise: true, creatorNodeId: 7 });
    expect(log.records[13]).toMatchObject({ nodeId: 7, clearBadge: true });
  });

  it('writes each record and the file byte for byte', () => {
    const { records } = readOriginalLog(sample);
    for (const [index, expected] of vectors.records.entries()) {
      const record = records[index];
      if (record === undefined) throw new Error('one record per vector');
      expect(Buffer.from(encodeOriginalLogRecord(record)).toString('hex')).toBe(expected.record_hex);
    }
    expect(Buffer.concat([...writeOriginalLog(records)]).equals(sample)).toBe(true);
  });

  it.each(vectors.edge_cases)('$name', ({ file_hex: hex, records_applied: applied, error }) => {
    const log = readOriginalLog(Buffer.from(hex, 'hex'));
    expect(log.records).toHaveLength(applied);
    expect(log.stopped !== undefined).toBe(error);
  });
});

describe('damage', () => {
  it('keeps every complete record of a log that was cut anywhere', () => {
    for (let length = 0; length <= sample.length; length += 1) {
      const log = readOriginalLog(sample.subarray(0, length));
      const complete = vectors.records.filter(
        ({ offset, record_hex: hex }) => offset + hex.length / 2 <= length,
      );
      expect(log.records).toHaveLength(complete.length);
      const rest = length - complete.reduce((bytes, { record_hex: hex }) => bytes + hex.length / 2, 0);
      if (rest < 4) expect([log.stopped, log.tornTailBytes]).toEqual([undefined, rest]);
      else expect(log.stopped).toMatchObject({ reason: 'torn-payload', offset: length - rest });
    }
  });

  it('says where it stopped and what was passed over', () => {
    const log = readOriginalLog(
      Buffer.concat([deregister(1), framed('{oops'), framed('[1]'), deregister(2), poison(3), deregister(4)]),
    );
    const first = deregister(1).length;
    expect(nodeIds(log.records)).toEqual([1, 2]);
    expect(log.skipped).toEqual([{ offset: first, bytes: 9 + 7, records: 2, reason: 'not-json' }]);
    expect(log.stopped).toMatchObject({ reason: 'record-too-large', offset: 2 * first + 16 });
  });

  it.each([
    '{"seq_no":0,"type":2}',
    '{"seq_no":0,"type":2,"data":{}}',
    '{"seq_no":0,"type":2,"data":{"node_id":-1}}',
    '{"seq_no":0,"type":1,"data":{"node_id":1,"lan_addrs":"x"}}',
    '{"seq_no":0,"type":9,"data":{"network_id":70000}}',
    '{"seq_no":0,"type":12,"data":{"node_id":1,"clear_badge":1}}',
  ])('stops at a record with the wrong content: %s', (payload) => {
    const bytes = Buffer.concat([deregister(1), framed(payload), deregister(2)]);
    const log = readOriginalLog(bytes);
    expect(nodeIds(log.records)).toEqual([1]);
    expect(log.stopped).toMatchObject({ reason: 'invalid-content', offset: deregister(1).length });
    const salvaged = readOriginalLog(bytes, { salvage: true });
    expect(nodeIds(salvaged.records)).toEqual([1, 2]);
    expect(salvaged.skipped).toEqual([
      { offset: deregister(1).length, bytes: payload.length + 4, records: 1, reason: 'invalid-content' },
    ]);
  });

  it('passes over a tail of zeroes in one step', () => {
    const log = readOriginalLog(Buffer.concat([deregister(1), Buffer.alloc(4 * 1000 + 2)]));
    expect(log.records).toHaveLength(1);
    expect(log.skipped).toEqual([
      { offset: deregister(1).length, bytes: 4000, records: 1000, reason: 'not-json' },
    ]);
    expect(log.tornTailBytes).toBe(2);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, salvage) => {
        readOriginalLog(bytes, { salvage });
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), fc.integer({ min: 0, max: 15 }), (data, salvage, type) => {
        const envelope = JSON.stringify({ seq_no: 0, type, data });
        readOriginalLog(Buffer.concat([framed(envelope), framed(JSON.stringify(data))]), { salvage });
      }),
    );
  });
});

describe('salvage', () => {
  it('uses an oversized record that is intact, and what follows it', () => {
    const log = readOriginalLog(Buffer.concat([deregister(1), poison(3), deregister(4)]), { salvage: true });
    expect(nodeIds(log.records)).toEqual([1, 3, 4]);
    expect(log.stopped).toBeUndefined();
    expect(log.oversized).toEqual([{ offset: deregister(1).length, bytes: poison(3).length }]);
  });

  it('finds the next record behind a damaged length', () => {
    const damaged = deregister(2);
    for (const length of [maxLogRecordBytes + 1, 0xffff_ffff, 500_000, 60, 1, 0]) {
      damaged.writeUInt32LE(length, 0);
      const bytes = Buffer.concat([
        deregister(1),
        damaged,
        deregister(3),
        deregister(4),
        Buffer.from([9, 0]),
      ]);
      const log = readOriginalLog(bytes, { salvage: true });
      expect(nodeIds(log.records), `length ${length}`).toEqual([1, 3, 4]);
      expect(log.stopped).toBeUndefined();
      const first = deregister(1).length;
      expect(log.skipped[0]?.offset).toBe(first);
      expect(log.skipped.reduce((sum, { bytes: skippedBytes }) => sum + skippedBytes, 0)).toBe(
        damaged.length,
      );
    }
  });

  it('still stops where nothing follows', () => {
    const log = readOriginalLog(Buffer.concat([deregister(1), deregister(2).subarray(0, 20)]), {
      salvage: true,
    });
    expect(nodeIds(log.records)).toEqual([1]);
    expect(log.stopped).toMatchObject({ reason: 'torn-payload', offset: deregister(1).length });
  });

  it('is not misled by text that looks like a record', () => {
    const bait = deregister(9).toString('latin1');
    const record = encodeOriginalLogRecord({ kind: 'unknown', sequence: 0, type: 99, data: { bait } });
    const bytes = Buffer.concat([framed('{"seq_no":0,"type":2}'), Buffer.from(record)]);
    expect(readOriginalLog(bytes, { salvage: true }).records).toHaveLength(1);
  });

  it('reads a sound log the same in both modes', () => {
    fc.assert(
      fc.property(anyLog, (records) => {
        const bytes = Buffer.concat([...writeOriginalLog(records)]);
        expect(readOriginalLog(bytes, { salvage: true })).toEqual(readOriginalLog(bytes));
      }),
    );
  });
});

describe('writing', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(anyLog, (records) => {
        expect(readOriginalLog(Buffer.concat([...writeOriginalLog(records)])).records).toEqual(records);
      }),
    );
  });

  it('refuses a record that would poison the log', () => {
    const data = 'x'.repeat(maxLogRecordBytes);
    expect(() => encodeOriginalLogRecord({ kind: 'unknown', sequence: 0, type: 99, data })).toThrowError(
      expect.objectContaining({ code: 'ORIGINAL_LOG_RECORD_TOO_LARGE' }),
    );
  });

  it('escapes as the original does in its log', () => {
    const record = encodeOriginalLogRecord({
      kind: 'unknown',
      sequence: 0,
      type: 99,
      data: ['<\u2028\ud800\\ud800'],
    });
    expect(Buffer.from(record.subarray(4)).toString()).toBe(
      '{"seq_no":0,"type":99,"data":["\\u003c\\u2028\ufffd\\\\ud800"]}',
    );
  });
});
