import type { DiscoveryConstants } from '../constants.ts';
import type { RecordCrypto } from '../records/record-crypto.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import type { DidMode } from '../settings.ts';
import type { OwnRecordVerdict } from './answer.ts';

/**
 * What an indexer has brought back from the DHT for our own DID (11.5.7, F:47). The boolean that it found something
 * proves nothing; our own signature over our own DID does. A record that claims our DID without it is forged: only the
 * indexer, or somebody whose values it does not check, can have made it.
 *
 * @param date milliseconds since the epoch
 */
export function judgeOwnRecord(
  payload: unknown,
  options: {
    readonly ownDid: string;
    readonly crypto: RecordCrypto;
    readonly didMode: DidMode;
    readonly date: number;
    readonly constants: DiscoveryConstants;
  },
): OwnRecordVerdict {
  const { ownDid, crypto, didMode, date, constants } = options;
  // A record that has just run out is still ours: it may have been fetched, or lain in a cache, until now.
  const now = date - (constants.heartbeatRecordTtlMs - constants.recordExpiryToleranceMs);
  const check = verifyPeerRecord(payload, { crypto, now, constants, didMode });
  if (check.ok) {
    const { record } = check.verified;
    if (record.did !== ownDid) return 'invalid';
    return record.peer_id === crypto.self ? 'genuine' : 'forged';
  }
  const isForgery = check.reason === 'bad_signature' || check.reason === 'identity';
  return isForgery && claimsDid(payload, ownDid) ? 'forged' : 'invalid';
}

function claimsDid(payload: unknown, did: string): boolean {
  return typeof payload === 'object' && payload !== null && 'did' in payload && payload.did === did;
}
