import fc from 'fast-check';
import { encodeOriginalKey, unixMsToRfc3339 } from '../../src/original/index.ts';
import type { JsonValue, OriginalLogRecord } from '../../src/original/index.ts';

/** Few ids, keys, names and times, so that records meet each other. */
const nodeId = fc.integer({ min: 1, max: 5 });
const networkId = fc.integer({ min: 0, max: 4 });
const key = fc.integer({ min: 1, max: 6 }).map((fill) => encodeOriginalKey(new Uint8Array(32).fill(fill)));
const time = fc
  .integer({ min: 1_785_585_600, max: 1_785_585_603 })
  .map((seconds) => unixMsToRfc3339(seconds * 1000, 'seconds') ?? '');
const name = fc.constantFrom('', 'a', 'b', '<c>');

/** Any record of the types that have an effect, and a few without. */
export const anyRecord: fc.Arbitrary<OriginalLogRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('register' as const),
    sequence: fc.constant(0),
    subject: nodeId,
    nodeId,
    owner: name,
    publicKey: key,
    realAddress: name,
    hostname: name,
    lanAddresses: fc.array(name, { maxLength: 2 }),
    version: name,
    createdAt: time,
  }),
  fc.record({ kind: fc.constant('deregister' as const), sequence: fc.constant(0), nodeId }),
  fc.record({
    kind: fc.constant('network-create' as const),
    sequence: fc.constant(0),
    networkId,
    name,
    joinRule: name,
    token: name,
    adminToken: name,
    enterprise: fc.boolean(),
    creatorNodeId: fc.integer({ min: 0, max: 5 }),
    createdAt: time,
  }),
  fc.record({
    kind: fc.constantFrom('network-join' as const, 'network-leave' as const),
    sequence: fc.constant(0),
    nodeId,
    networkId,
  }),
  fc.record({
    kind: fc.constant('key-rotation' as const),
    sequence: fc.constant(0),
    nodeId,
    newPublicKey: key,
    rotatedAt: time,
    clearBadge: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('network-delete' as const), sequence: fc.constant(0), networkId }),
  fc.record({
    kind: fc.constant('reserved' as const),
    sequence: fc.constant(0),
    type: fc.constantFrom(3, 8, 13),
  }),
  fc.record({
    kind: fc.constant('unknown' as const),
    sequence: fc.nat(),
    type: fc.constantFrom(0, 99, 255),
    data: fc.jsonValue().map((value) => value as JsonValue),
  }),
);

/** Any log. */
export const anyLog = fc.array(anyRecord, { maxLength: 25 });

/** Any log as the original could have written it on an empty store: an id is new when it is registered or created. */
export const lawfulLog = anyLog.map((records) => {
  const nodes = new Set<number>();
  const networks = new Set<number>([0]);
  return records.filter((record) => {
    if (record.kind === 'register' && nodes.has(record.nodeId)) return false;
    if (record.kind === 'network-create' && networks.has(record.networkId)) return false;
    if ('nodeId' in record) nodes.add(record.nodeId);
    if ('networkId' in record) networks.add(record.networkId);
    if ('creatorNodeId' in record) nodes.add(record.creatorNodeId);
    return true;
  });
});
