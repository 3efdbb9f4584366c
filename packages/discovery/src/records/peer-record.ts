/**
 * Signed records of peers (discovery spec section 9): what a node says of itself, for as long as it says.
 *
 * Fault model: a record comes from anyone, by way of anyone. It counts only when the key in it made its peer id and its
 * signature, the DID belongs to that peer id, and it has neither expired nor claims to live longer than is allowed.
 */

import { canonicalJson } from '@muster/core/identity';
import type { DiscoveryConstants } from '../constants.ts';
import type { VerifiedRecord } from '../parts.ts';
import type { DidMode } from '../settings.ts';
import type { PeerRecord } from '../wire/messages.ts';
import { FRAME_LIMITS } from '../wire/protocols.ts';
import { formatTime, parseTime } from '../wire/time.ts';
import { derivedDid, isUuid } from './did.ts';
import type { RecordCrypto } from './record-crypto.ts';

const DOMAIN = 'opencloud/peer-record/1\n';

/** Longest texts in characters (9.1); for those without a limit there, what their format can take. */
const LIMITS: Readonly<Record<keyof PeerRecord, number>> = {
  name: 128,
  did: 64,
  peer_id: 128,
  pub_key: 128,
  api_url: 512,
  stream_address: 512,
  nats_address: 512,
  wallet_address: 128,
  expiry_date: 40,
  signature: 128,
};

const FIELDS = Object.keys(LIMITS) as (keyof PeerRecord)[];

/** Why a record does not count (9.3). */
export type RecordFault = 'bad_signature' | 'identity' | 'expired' | 'malformed';

/** The outcome of a check of a record. */
export type RecordCheck<Verified> =
  | { readonly ok: true; readonly verified: Verified }
  | { readonly ok: false; readonly reason: RecordFault; readonly message: string };

/** What a check of a record needs to know. */
export interface RecordCheckOptions {
  readonly crypto: RecordCrypto;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly constants: DiscoveryConstants;
  readonly didMode: DidMode;
}

/** What a peer says of itself; peer id and key are those of the signer. */
export interface PeerRecordFields {
  readonly name: string;
  readonly did: string;
  readonly apiUrl: string;
  readonly streamAddress: string;
  readonly natsAddress: string;
  readonly walletAddress: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Builds and signs our record (9.2). */
export function buildPeerRecord(fields: PeerRecordFields, crypto: RecordCrypto): PeerRecord {
  const payload = {
    name: fields.name,
    did: fields.did,
    peer_id: crypto.self,
    pub_key: crypto.publicKey,
    api_url: fields.apiUrl,
    stream_address: fields.streamAddress,
    nats_address: fields.natsAddress,
    wallet_address: fields.walletAddress,
    expiry_date: formatTime(fields.expiresAt),
  };
  return { ...payload, signature: crypto.sign(peerRecordMessage(payload)) };
}

/** The text that the signature covers (9.2): everything but the signature. */
export function peerRecordMessage(record: Omit<PeerRecord, 'signature'>): string {
  const { name, did, peer_id, pub_key, api_url, stream_address, nats_address, wallet_address, expiry_date } =
    record;
  return (
    DOMAIN +
    canonicalJson({
      name,
      did,
      peer_id,
      pub_key,
      api_url,
      stream_address,
      nats_address,
      wallet_address,
      expiry_date,
    })
  );
}

/**
 * Checks a record as it came (9.3), in the order of the rules there. What is given back has the ten known members only.
 * Never throws.
 */
export function verifyPeerRecord(value: unknown, options: RecordCheckOptions): RecordCheck<VerifiedRecord> {
  const record = shapeOf(value);
  if (typeof record === 'string') return fault('malformed', record);
  const expiresAt = parseTime(record.expiry_date);
  if (expiresAt === undefined) return fault('malformed', 'expiry_date is no time');
  const { crypto, now, constants, didMode } = options;
  if (crypto.peerIdOf(record.pub_key) !== record.peer_id) {
    return fault('bad_signature', 'pub_key is not the key of peer_id');
  }
  if (!crypto.verify(record.pub_key, peerRecordMessage(record), record.signature)) {
    return fault('bad_signature', 'the signature does not verify');
  }
  if (expiresAt <= now - constants.recordExpiryToleranceMs) return fault('expired', 'the record has expired');
  if (expiresAt > now + constants.recordMaxTtlMs) {
    return fault('expired', 'the record claims to live longer than is allowed');
  }
  if (!isUuid(record.did)) return fault('identity', 'did is no UUID');
  if (didMode === 'derived' && record.did !== derivedDid(record.peer_id)) {
    return fault('identity', 'did is not the one of peer_id');
  }
  if (record.stream_address !== '' && !record.stream_address.endsWith(`/p2p/${record.peer_id}`)) {
    return fault('malformed', 'stream_address does not end with the peer id');
  }
  return { ok: true, verified: { record, expiresAt } };
}

/** The record with its known members, or what is wrong with its shape. */
function shapeOf(value: unknown): PeerRecord | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the record is no object';
  const members = value as Readonly<Record<string, unknown>>;
  const record: Record<string, string> = {};
  for (const name of FIELDS) {
    const text = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof text !== 'string') return `${name} is no text`;
    if (isLongerThan(text, LIMITS[name])) return `${name} is too long`;
    // A text that is no Unicode has no UTF-8 form that could be signed.
    if (!text.isWellFormed()) return `${name} is no Unicode`;
    record[name] = text;
  }
  // The limits keep the known members within the size; others can pass it.
  if (Object.keys(members).length > FIELDS.length && isTooLarge(members)) return 'the record is too large';
  return record as unknown as PeerRecord;
}

function isLongerThan(text: string, maxChars: number): boolean {
  if (text.length <= maxChars) return false;
  return text.length > 2 * maxChars || [...text].length > maxChars;
}

function isTooLarge(members: object): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(members)) > FRAME_LIMITS.peerRecord;
  } catch {
    // Nested too deeply for the serialiser.
    return true;
  }
}

function fault(reason: RecordFault, message: string): { ok: false; reason: RecordFault; message: string } {
  return { ok: false, reason, message };
}
