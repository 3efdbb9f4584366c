/**
 * Signed records of indexers (discovery spec 10.7): where one is, and what it says of its load and of its nodes, in a
 * form that others can check.
 *
 * Fault model: as for peer records. A list of peers counts only when it is what was counted, each peer once.
 */

import { createHash } from 'node:crypto';
import { canonicalJson } from '@muster/core/identity';
import type { Random } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import { regionOf } from '../wire/addresses.ts';
import type { IndexerRecord, PeerId } from '../wire/messages.ts';
import { FRAME_LIMITS } from '../wire/protocols.ts';
import { formatTime, parseTime } from '../wire/time.ts';
import type { RecordCheck, RecordFault } from './peer-record.ts';
import type { RecordCrypto } from './record-crypto.ts';

const DOMAIN = 'opencloud/indexer-record/1\n';
const PEER_HASH = /^[0-9a-f]{16}$/;
const MAX_MULTIADDRS = 16;
const MAX_TEXT_CHARS = 512;

/** An indexer record that has passed 10.7. */
export interface VerifiedIndexerRecord {
  readonly record: IndexerRecord;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What an indexer says of itself; peer id and key are those of the signer. */
export interface IndexerRecordFields {
  /** With `/p2p/<id>`; the region is taken from them. */
  readonly multiaddrs: readonly string[];
  readonly capacity: number;
  /** In [0, 1]. */
  readonly fillRate: number;
  /** The connected nodes. */
  readonly nodes: readonly PeerId[];
  /** Milliseconds since the epoch, as the next. */
  readonly bornAt: number;
  readonly expiresAt: number;
  /** More nodes than this are given as a random sample. */
  readonly maxPeers: number;
  readonly random: Random;
}

/** First 16 hex digits of the SHA-256 of the peer id's text. */
export function peerHash(peer: PeerId): string {
  return createHash('sha256').update(peer).digest('hex').slice(0, 16);
}

/** Builds and signs our record. */
export function buildIndexerRecord(fields: IndexerRecordFields, crypto: RecordCrypto): IndexerRecord {
  const { nodes, maxPeers, random } = fields;
  const isSampled = nodes.length > maxPeers;
  const listed = isSampled ? sampleOf(nodes, maxPeers, random) : nodes;
  const payload: Omit<IndexerRecord, 'sig'> = {
    peer_id: crypto.self,
    multiaddrs: fields.multiaddrs,
    region: regionOf(fields.multiaddrs),
    capacity: fields.capacity,
    fill_rate: fields.fillRate,
    peer_count: nodes.length,
    peers: listed.map(peerHash).sort(),
    ...(isSampled && { peers_sampled: true }),
    born_at: formatTime(fields.bornAt),
    expires_at: formatTime(fields.expiresAt),
    pub_key: crypto.publicKey,
  };
  return { ...payload, sig: crypto.sign(indexerRecordMessage(payload)) };
}

function sampleOf(nodes: readonly PeerId[], count: number, random: Random): readonly PeerId[] {
  const pool = [...nodes];
  for (let index = 0; index < count; index++) {
    const other = index + random.integer(pool.length - index);
    const taken = pool[other] as PeerId;
    pool[other] = pool[index] as PeerId;
    pool[index] = taken;
  }
  return pool.slice(0, count);
}

/** The text that the signature covers: all members but `sig`, also those that we don't know. */
export function indexerRecordMessage(payload: object): string {
  return (
    DOMAIN + canonicalJson(Object.fromEntries(Object.entries(payload).filter(([name]) => name !== 'sig')))
  );
}

/** Checks a record as it came. What is given back has the known members only. Never throws. */
export function verifyIndexerRecord(
  value: unknown,
  options: { readonly crypto: RecordCrypto; readonly now: number; readonly constants: DiscoveryConstants },
): RecordCheck<VerifiedIndexerRecord> {
  const { crypto, now, constants } = options;
  let message: string;
  let record: IndexerRecord | string;
  try {
    record = shapeOf(value, constants.indexerRecordMaxPeers);
    if (typeof record === 'string') return fault('malformed', record);
    message = indexerRecordMessage(value as object);
  } catch {
    // An unknown member is nested too deeply.
    return fault('malformed', 'the record has no canonical form');
  }
  if (Buffer.byteLength(message) > FRAME_LIMITS.indexerRecord) {
    return fault('malformed', 'the record is too large');
  }
  if (crypto.peerIdOf(record.pub_key) !== record.peer_id) {
    return fault('bad_signature', 'pub_key is not the key of peer_id');
  }
  if (!crypto.verify(record.pub_key, message, record.sig)) {
    return fault('bad_signature', 'the signature does not verify');
  }
  const expiresAt = parseTime(record.expires_at);
  if (expiresAt === undefined) return fault('malformed', 'expires_at is no time');
  if (expiresAt <= now) return fault('expired', 'the record has expired');
  if (expiresAt > now + constants.indexerRecordMaxTtlMs) {
    return fault('expired', 'the record claims to live longer than is allowed');
  }
  const wrong = contradictionOf(record);
  if (wrong !== undefined) return fault('malformed', wrong);
  return { ok: true, verified: { record, expiresAt } };
}

function contradictionOf(record: IndexerRecord): string | undefined {
  const { peers, peer_count, capacity, peers_sampled, multiaddrs, peer_id } = record;
  if (peer_count > capacity) return 'peer_count is greater than capacity';
  if (peers.length > peer_count || (peers_sampled !== true && peers.length !== peer_count)) {
    return 'peers are not as many as peer_count';
  }
  if (peers.some((hash, index) => index > 0 && hash <= (peers[index - 1] ?? ''))) {
    return 'peers are not sorted, or not each once';
  }
  if (!multiaddrs.every((address) => address.endsWith(`/p2p/${peer_id}`))) {
    return 'multiaddrs are not addresses of peer_id';
  }
  return undefined;
}

function shapeOf(value: unknown, maxPeers: number): IndexerRecord | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the record is no object';
  const given = value as Readonly<Partial<Record<keyof IndexerRecord, unknown>>>;
  const { multiaddrs, capacity, fill_rate, peer_count, peers, peers_sampled } = given;
  const texts: Record<string, string> = {};
  for (const name of ['peer_id', 'region', 'born_at', 'expires_at', 'pub_key', 'sig'] as const) {
    const text = given[name];
    if (!isText(text)) return `${name} is no text, or too long`;
    texts[name] = text;
  }
  if (!isListOf(multiaddrs, MAX_MULTIADDRS, isText)) return 'multiaddrs are no list of texts';
  if (!isListOf(peers, maxPeers, (item) => typeof item === 'string' && PEER_HASH.test(item))) {
    return 'peers are no list of hashes';
  }
  if (!isCount(capacity)) return 'capacity is no count';
  if (!isCount(peer_count)) return 'peer_count is no count';
  if (typeof fill_rate !== 'number' || !(fill_rate >= 0 && fill_rate <= 1)) return 'fill_rate is no share';
  if (peers_sampled !== undefined && typeof peers_sampled !== 'boolean') {
    return 'peers_sampled is neither true nor false';
  }
  if (parseTime(texts['born_at']) === undefined) return 'born_at is no time';
  return {
    ...(texts as unknown as IndexerRecord),
    multiaddrs,
    peers,
    capacity,
    peer_count,
    fill_rate,
    ...(peers_sampled !== undefined && { peers_sampled }),
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_CHARS && value.isWellFormed();
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isListOf(
  value: unknown,
  maxItems: number,
  isItem: (item: unknown) => boolean,
): value is readonly string[] {
  return Array.isArray(value) && value.length <= maxItems && value.every(isItem);
}

function fault(reason: RecordFault, message: string): { ok: false; reason: RecordFault; message: string } {
  return { ok: false, reason, message };
}
