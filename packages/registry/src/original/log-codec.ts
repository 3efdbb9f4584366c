import { originalErrors } from './errors.ts';
import { encodeJson, htmlStyle } from './json-text.ts';
import { maxLogRecordBytes, originalLogTypes, reservedLogTypes } from './log-records.ts';
import type { OriginalLogEnvelope, OriginalLogRecord } from './log-records.ts';
import { maxNetworkId, maxNodeId } from './types.ts';
import type { JsonValue } from './types.ts';

type Members = Readonly<Record<string, JsonValue | undefined>>;

/** The content of a record is not what its type needs. */
class ContentProblem extends Error {}

function numberOf(members: Members, name: string, max: number, required: boolean): number {
  const value = members[name] ?? undefined;
  if (value === undefined && !required) return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new ContentProblem(`${name} is not an id`);
}

function textOf(members: Members, name: string): string {
  const value = members[name] ?? '';
  if (typeof value === 'string') return value;
  throw new ContentProblem(`${name} is not text`);
}

function flagOf(members: Members, name: string): boolean {
  const value = members[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new ContentProblem(`${name} is not true or false`);
}

function textsOf(members: Members, name: string): readonly string[] {
  const value = members[name] ?? [];
  if (!Array.isArray(value)) throw new ContentProblem(`${name} is not a list`);
  return value.map((each: JsonValue) => {
    if (typeof each === 'string') return each;
    throw new ContentProblem(`${name} is not a list of texts`);
  });
}

/** The members of a JSON object; `undefined` for any other value. */
function membersOf(value: JsonValue | undefined): Members | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Members) : undefined;
}

/** What became of the bytes of a record: a record, or why it is none. */
export type DecodedLogRecord =
  | { readonly record: OriginalLogRecord }
  | { readonly problem: 'not-json' | 'invalid-content'; readonly message: string };

/** Decodes the JSON of one record. `not-json` is skipped by a replay, `invalid-content` stops it. */
export function decodeLogRecord(payload: Uint8Array): DecodedLogRecord {
  let parsed: JsonValue;
  try {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
    parsed = JSON.parse(text) as JsonValue;
  } catch {
    return { problem: 'not-json', message: 'the record is not JSON' };
  }
  // The original decodes envelope and JSON in one step, so an envelope of wrong types is skipped like bad JSON.
  const value = membersOf(parsed);
  if (value === undefined) return { problem: 'not-json', message: 'the record is not a JSON object' };
  let envelope: OriginalLogEnvelope;
  let type: number;
  try {
    type = numberOf(value, 'type', 0xff, false);
    const sequence = numberOf(value, 'seq_no', Number.MAX_SAFE_INTEGER, false);
    const subject = numberOf(value, 'node_id', maxNodeId, false);
    envelope = subject === 0 ? { sequence } : { sequence, subject };
  } catch (error) {
    if (error instanceof ContentProblem) return { problem: 'not-json', message: error.message };
    throw error;
  }
  try {
    return { record: decodeContent(type, envelope, value['data']) };
  } catch (error) {
    if (error instanceof ContentProblem) return { problem: 'invalid-content', message: error.message };
    throw error;
  }
}

function decodeContent(
  type: number,
  envelope: OriginalLogEnvelope,
  data: JsonValue | undefined,
): OriginalLogRecord {
  const members = (): Members => {
    const found = membersOf(data);
    if (found === undefined) throw new ContentProblem('data is missing');
    return found;
  };
  const nodeId = (): number => numberOf(members(), 'node_id', maxNodeId, true);
  const networkId = (): number => numberOf(members(), 'network_id', maxNetworkId, true);
  switch (type) {
    case originalLogTypes.register:
      return {
        kind: 'register',
        ...envelope,
        nodeId: nodeId(),
        owner: textOf(members(), 'owner'),
        publicKey: textOf(members(), 'public_key'),
        realAddress: textOf(members(), 'real_addr'),
        hostname: textOf(members(), 'hostname'),
        lanAddresses: textsOf(members(), 'lan_addrs'),
        version: textOf(members(), 'version'),
        createdAt: textOf(members(), 'created_at'),
      };
    case originalLogTypes.deregister:
      return { kind: 'deregister', ...envelope, nodeId: nodeId() };
    case originalLogTypes.networkCreate:
      return {
        kind: 'network-create',
        ...envelope,
        networkId: networkId(),
        name: textOf(members(), 'name'),
        joinRule: textOf(members(), 'join_rule'),
        token: textOf(members(), 'token'),
        adminToken: textOf(members(), 'admin_token'),
        enterprise: flagOf(members(), 'enterprise'),
        creatorNodeId: numberOf(members(), 'creator_node_id', maxNodeId, false),
        createdAt: textOf(members(), 'created_at'),
      };
    case originalLogTypes.networkJoin:
      return { kind: 'network-join', ...envelope, nodeId: nodeId(), networkId: networkId() };
    case originalLogTypes.networkLeave:
      return { kind: 'network-leave', ...envelope, nodeId: nodeId(), networkId: networkId() };
    case originalLogTypes.keyRotation:
      return {
        kind: 'key-rotation',
        ...envelope,
        nodeId: nodeId(),
        newPublicKey: textOf(members(), 'new_public_key'),
        rotatedAt: textOf(members(), 'rotated_at'),
        clearBadge: flagOf(members(), 'clear_badge'),
      };
    case originalLogTypes.networkDelete:
      return { kind: 'network-delete', ...envelope, networkId: networkId() };
    default:
      return { kind: reservedLogTypes.has(type) ? 'reserved' : 'unknown', ...envelope, type, data };
  }
}

/** The members of `data` in the original's order; `undefined` and empty ones are omitted where the original does. */
function contentOf(record: OriginalLogRecord): {
  readonly type: number;
  readonly data: JsonValue | undefined;
} {
  switch (record.kind) {
    case 'register':
      return {
        type: originalLogTypes.register,
        data: withoutEmpty({
          node_id: record.nodeId,
          owner: record.owner === '' ? undefined : record.owner,
          public_key: record.publicKey,
          real_addr: record.realAddress === '' ? undefined : record.realAddress,
          hostname: record.hostname === '' ? undefined : record.hostname,
          lan_addrs: record.lanAddresses.length === 0 ? undefined : record.lanAddresses,
          version: record.version === '' ? undefined : record.version,
          created_at: record.createdAt === '' ? undefined : record.createdAt,
        }),
      };
    case 'deregister':
      return { type: originalLogTypes.deregister, data: { node_id: record.nodeId } };
    case 'network-create':
      return {
        type: originalLogTypes.networkCreate,
        data: withoutEmpty({
          network_id: record.networkId,
          name: record.name,
          join_rule: record.joinRule,
          token: record.token === '' ? undefined : record.token,
          admin_token: record.adminToken === '' ? undefined : record.adminToken,
          enterprise: record.enterprise ? true : undefined,
          creator_node_id: record.creatorNodeId === 0 ? undefined : record.creatorNodeId,
          created_at: record.createdAt,
        }),
      };
    case 'network-join':
    case 'network-leave': {
      const type =
        record.kind === 'network-join' ? originalLogTypes.networkJoin : originalLogTypes.networkLeave;
      return { type, data: { node_id: record.nodeId, network_id: record.networkId } };
    }
    case 'key-rotation':
      return {
        type: originalLogTypes.keyRotation,
        data: withoutEmpty({
          node_id: record.nodeId,
          new_public_key: record.newPublicKey,
          rotated_at: record.rotatedAt,
          clear_badge: record.clearBadge ? true : undefined,
        }),
      };
    case 'network-delete':
      return { type: originalLogTypes.networkDelete, data: { network_id: record.networkId } };
    case 'reserved':
    case 'unknown':
      return { type: record.type, data: record.data };
    default:
      return record satisfies never;
  }
}

function withoutEmpty(members: Readonly<Record<string, JsonValue | undefined>>): JsonValue {
  const present: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(members)) if (value !== undefined) present[name] = value;
  return present;
}

/**
 * The bytes of one record with its length, as the original writes it.
 * Errors: ORIGINAL_LOG_RECORD_TOO_LARGE (the original would stop its replay there).
 */
export function encodeLogRecord(record: OriginalLogRecord): Uint8Array {
  const { type, data } = contentOf(record);
  const subject = record.subject === undefined ? '' : `,"node_id":${record.subject}`;
  const content = data === undefined ? '' : `,"data":${encodeJson(data, htmlStyle)}`;
  const payload = Buffer.from(`{"seq_no":${record.sequence},"type":${type}${subject}${content}}`);
  if (payload.length > maxLogRecordBytes) {
    throw originalErrors.create(
      'ORIGINAL_LOG_RECORD_TOO_LARGE',
      `log: a record of ${payload.length} bytes is larger than ${maxLogRecordBytes}`,
      { details: { bytes: payload.length, maxLogRecordBytes, type } },
    );
  }
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  payload.copy(bytes, 4);
  return bytes;
}

/** Writes records as a log file of the original, one chunk per record. Errors: ORIGINAL_LOG_RECORD_TOO_LARGE. */
export function* writeOriginalLog(records: Iterable<OriginalLogRecord>): Generator<Uint8Array> {
  for (const record of records) yield encodeLogRecord(record);
}
