/** Asks one indexer for a record over one stream (P5, discovery spec 15.4). A stream serves one request (DEF-37). */

import type { DiscoveryContext } from '../context.ts';
import type { VerifiedRecord } from '../parts.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import { refusedError } from '../wire/error-frames.ts';
import type { AddrInfo, GetValue, PeerId, PeerRecord } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeGetResponse, errorOf } from '../wire/schemas.ts';
import { parseTime } from '../wire/time.ts';

/** What is asked for: a peer id, or a DID. */
export type RecordQuestion = { readonly peer_id: PeerId } | { readonly did: string };

/** `expired`: the newest that the indexer has is past its expiry, so the peer is offline. */
export type RecordAnswer =
  | { readonly kind: 'found'; readonly verified: VerifiedRecord }
  | { readonly kind: 'expired' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Never rejects. `timeoutMs` bounds dial, request and answer together (DEF-77). */
export async function requestRecord(
  context: DiscoveryContext,
  indexer: AddrInfo,
  question: RecordQuestion,
  timeoutMs: number,
): Promise<RecordAnswer> {
  const { clock, overlay, signal } = context;
  const endsAt = clock.monotonic() + timeoutMs;
  const left = () => ({ timeoutMs: Math.max(1, endsAt - clock.monotonic()), signal });
  const request: GetValue =
    'peer_id' in question ? { key: '', peer_id: question.peer_id } : { key: question.did };
  try {
    const stream = await overlay.open(indexer, PROTOCOLS.get, left());
    try {
      await stream.write(request, left());
      await stream.closeWrite();
      const value = await stream.read({ ...left(), maxBytes: FRAME_LIMITS.getResponse });
      const answer = value === undefined ? ({ kind: 'not-found' } as const) : judge(context, question, value);
      await stream.close();
      return answer;
    } catch (error) {
      stream.reset();
      throw error;
    }
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** Only a record that verifies, stands under its own key and is what was asked for counts (15.4.5). */
function judge(context: DiscoveryContext, question: RecordQuestion, value: unknown): RecordAnswer {
  const refused = errorOf(value);
  if (refused !== undefined) throw refusedError(refused);
  const { clock, constants, crypto, settings } = context;
  const { found, records } = decodeGetResponse(value);
  if (!found) return { kind: 'not-found' };
  let isExpired = false;
  for (const [key, record] of Object.entries(records)) {
    const options = { crypto, now: clock.now(), constants, didMode: settings.didMode };
    const result = verifyPeerRecord(record, options);
    if (!result.ok) {
      isExpired ||=
        result.reason === 'expired' && isAsked(question, key, record) && isPast(record, clock.now());
      continue;
    }
    const { verified } = result;
    if (verified.record.peer_id !== key || !isAsked(question, key, verified.record)) continue;
    if (verified.expiresAt > clock.now()) return { kind: 'found', verified };
    isExpired = true;
  }
  return { kind: isExpired ? 'expired' : 'not-found' };
}

function isAsked(question: RecordQuestion, key: string, record: unknown): boolean {
  if ('peer_id' in question) return key === question.peer_id;
  return typeof record === 'object' && record !== null && 'did' in record && record.did === question.did;
}

/** The other way to be refused as expired is to claim too long a life, which says nothing of the peer. */
function isPast(record: unknown, now: number): boolean {
  const { expiry_date } = record as PeerRecord;
  return (parseTime(expiry_date) ?? Infinity) <= now;
}
