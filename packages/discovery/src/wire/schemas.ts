/**
 * Decoders of all messages (discovery spec section 8). Each takes parsed JSON, gives a fresh object with the known
 * fields only, and throws FRAME_MALFORMED, nothing else.
 *
 * Fault model: see fields.ts. Lists longer than a well-behaved peer sends are cut, since a longer list does no harm;
 * texts that are too long are refused, since half a text is another text. Records stay as they came: who uses one
 * verifies it.
 */

import { isPeerId } from './addresses.ts';
import {
  boolean,
  compact,
  field,
  type Fields,
  flag,
  integer,
  list,
  malformed,
  number,
  objectOf,
  optionalInteger,
  optionalList,
  optionalNumber,
  optionalText,
  optionalTime,
  raw,
  text,
  textItem,
  time,
} from './fields.ts';
import {
  type AddrInfo,
  type ChallengeEntry,
  ERROR_CODES,
  type GetResponse,
  type GetValue,
  type Heartbeat,
  type HeartbeatResponse,
  type IndexerCandidatesRequest,
  type IndexerCandidatesResponse,
  type PeerId,
  type PublishAck,
  type SearchHit,
  type SearchPeerRequest,
  type SearchPeerResult,
  type SearchQuery,
  type WireError,
  type WireErrorCode,
  type WitnessReport,
  type WitnessRequest,
} from './messages.ts';

/** Longest texts in UTF-16 code units. */
export const TEXT_LIMITS = {
  /** Peer ids have 52 characters; others' kinds have fewer than this. */
  peerId: 128,
  did: 128,
  /** A name has up to 128 characters, and a character up to two units. */
  name: 256,
  queryId: 128,
  address: 384,
  errorCode: 64,
  errorMessage: 1_024,
} as const;

/** Items kept of each list. */
export const LIST_LIMITS = {
  indexersBinded: 64,
  challenges: 3,
  challengeEntries: 16,
  witnesses: 16,
  suggestions: 32,
  candidates: 64,
  addresses: 16,
  records: 16,
  hits: 100,
} as const;

const peerIdText = textItem(TEXT_LIMITS.peerId);
const SCORE_MAX = 100;

function peerId(value: unknown, what: string): PeerId {
  const id = peerIdText(value, what);
  if (!isPeerId(id)) throw malformed(what, 'a peer id');
  return id;
}

/** A peer id that is compared with an authenticated one, or looked up: it needs no check of its own. */
function claimedPeer(fields: Fields, name: string): PeerId {
  return text(fields, name, TEXT_LIMITS.peerId);
}

/** A criterion or key: the empty text is absence. */
function criterion(fields: Fields, name: string, maxChars: number): string | undefined {
  const value = optionalText(fields, name, maxChars);
  return value === '' ? undefined : value;
}

/** 8.1. */
function addrInfo(value: unknown, what: string): AddrInfo {
  const fields = objectOf(value, what);
  return {
    ID: peerId(field(fields, 'ID'), 'ID'),
    Addrs: list(fields, 'Addrs', LIST_LIMITS.addresses, textItem(TEXT_LIMITS.address)),
  };
}

function wireError(value: unknown): WireError {
  const fields = objectOf(value, 'error');
  const code = text(fields, 'code', TEXT_LIMITS.errorCode);
  const message = optionalText(fields, 'message', Infinity) ?? '';
  return compact<WireError>({
    code: isErrorCode(code) ? code : 'internal',
    message: message.slice(0, TEXT_LIMITS.errorMessage),
    retry_after: optionalNumber(fields, 'retry_after', 0, Number.MAX_SAFE_INTEGER),
    score: optionalNumber(fields, 'score', -Number.MAX_VALUE, Number.MAX_VALUE),
    min_score: optionalNumber(fields, 'min_score', -Number.MAX_VALUE, Number.MAX_VALUE),
  });
}

const CODES: ReadonlySet<string> = new Set(ERROR_CODES);

function isErrorCode(code: string): code is WireErrorCode {
  return CODES.has(code);
}

/**
 * The error that a frame carries (7.3), or undefined when it carries none. Codes that we don't know are `internal`, and
 * long messages are cut. Throws FRAME_MALFORMED when there is an `error` that is none.
 */
export function errorOf(value: unknown): WireError | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const error = raw(value as Fields, 'error');
  return error === undefined ? undefined : wireError(error);
}

/** 8.2. At most 3 challenges are kept. */
export function decodeHeartbeat(value: unknown): Heartbeat {
  const fields = objectOf(value, 'heartbeat');
  if (field(fields, 'stream') !== undefined && fields['stream'] !== null) throw malformed('stream', 'null');
  return compact<Heartbeat>({
    name: optionalText(fields, 'name', TEXT_LIMITS.name),
    did: optionalText(fields, 'did', TEXT_LIMITS.did),
    peer_id: claimedPeer(fields, 'peer_id'),
    timestamp: integer(fields, 'timestamp'),
    // Informational, and addresses in old versions (F:96).
    indexers_binded: list(
      fields,
      'indexers_binded',
      LIST_LIMITS.indexersBinded,
      textItem(TEXT_LIMITS.address),
    ),
    record: raw(fields, 'record'),
    need: Math.max(0, optionalInteger(fields, 'need') ?? 0),
    challenges: optionalList(fields, 'challenges', LIST_LIMITS.challenges, peerIdText),
    challenge_did: criterion(fields, 'challenge_did', TEXT_LIMITS.did),
    referent: flag(fields, 'referent'),
    seq: optionalInteger(fields, 'seq', 0),
    probe: flag(fields, 'probe'),
    local_score: optionalNumber(fields, 'local_score', 0, SCORE_MAX),
  });
}

function challengeEntry(value: unknown, what: string): ChallengeEntry {
  const fields = objectOf(value, what);
  return compact<ChallengeEntry>({
    peer_id: claimedPeer(fields, 'peer_id'),
    found: boolean(fields, 'found'),
    last_seen: optionalTime(fields, 'last_seen'),
  });
}

/** 8.3. With an `error`, missing counts are 0 and a missing `born_at` is empty. */
export function decodeHeartbeatResponse(value: unknown): HeartbeatResponse {
  const fields = objectOf(value, 'heartbeat response');
  const error = errorOf(fields);
  const isMissing = (name: string): boolean => error !== undefined && field(fields, name) === undefined;
  return compact<HeartbeatResponse>({
    fill_rate: isMissing('fill_rate') ? 0 : number(fields, 'fill_rate', 0, 1),
    peer_count: isMissing('peer_count') ? 0 : integer(fields, 'peer_count', 0),
    max_nodes: isMissing('max_nodes') ? 0 : integer(fields, 'max_nodes', 0),
    born_at: isMissing('born_at') ? '' : time(fields, 'born_at'),
    challenges: optionalList(fields, 'challenges', LIST_LIMITS.challengeEntries, challengeEntry),
    dht_found: flag(fields, 'dht_found'),
    dht_payload: raw(fields, 'dht_payload'),
    dht_busy: flag(fields, 'dht_busy'),
    witnesses: optionalList(fields, 'witnesses', LIST_LIMITS.witnesses, addrInfo),
    suggestions: optionalList(fields, 'suggestions', LIST_LIMITS.suggestions, addrInfo),
    suggest_migrate: flag(fields, 'suggest_migrate'),
    seq: optionalInteger(fields, 'seq', 0),
    ts: optionalInteger(fields, 'ts'),
    cached_score: optionalNumber(fields, 'cached_score', 0, 1),
    error,
  });
}

/** 8.4. */
export function decodeWitnessRequest(value: unknown): WitnessRequest {
  return { indexer_peer_id: claimedPeer(objectOf(value, 'witness request'), 'indexer_peer_id') };
}

/** 8.4. */
export function decodeWitnessReport(value: unknown): WitnessReport {
  const fields = objectOf(value, 'witness report');
  return compact<WitnessReport>({
    seen: boolean(fields, 'seen'),
    born_at: optionalTime(fields, 'born_at'),
    fill_rate: optionalNumber(fields, 'fill_rate', 0, 1),
    score: optionalNumber(fields, 'score', 0, SCORE_MAX),
  });
}

/** 8.5. */
export function decodeCandidatesRequest(value: unknown): IndexerCandidatesRequest {
  return { count: integer(objectOf(value, 'candidates request'), 'count') };
}

/** 8.5. */
export function decodeCandidatesResponse(value: unknown): IndexerCandidatesResponse {
  const fields = objectOf(value, 'candidates response');
  return { candidates: list(fields, 'candidates', LIST_LIMITS.candidates, addrInfo) };
}

/** 8.6. A bare error frame is an acknowledgement with `ok` false. */
export function decodePublishAck(value: unknown): PublishAck {
  const fields = objectOf(value, 'publish ack');
  const error = errorOf(fields);
  const isBare = error !== undefined && field(fields, 'ok') === undefined;
  return compact<PublishAck>({ ok: isBare ? false : boolean(fields, 'ok'), error });
}

/** 8.6. An empty `peer_id` is none. */
export function decodeGetValue(value: unknown): GetValue {
  const fields = objectOf(value, 'get request');
  const asked = criterion(fields, 'peer_id', TEXT_LIMITS.peerId);
  return compact<GetValue>({
    key: text(fields, 'key', TEXT_LIMITS.did),
    peer_id: asked === undefined ? undefined : peerId(asked, 'peer_id'),
  });
}

/** 8.6. `records` has no prototype trouble: its keys are peer ids. */
export function decodeGetResponse(value: unknown): GetResponse {
  const fields = objectOf(value, 'get response');
  const found = boolean(fields, 'found');
  if (field(fields, 'records') === undefined) throw malformed('records', 'an object');
  const records = objectOf(fields['records'] ?? {}, 'records');
  const entries = Object.entries(records).slice(0, LIST_LIMITS.records);
  return {
    found,
    records: Object.fromEntries(entries.map(([id, record]) => [peerId(id, 'records'), record])),
  };
}

/** 8.7. Throws also when there is no criterion; empty texts are none. */
export function decodeSearchRequest(value: unknown): SearchPeerRequest {
  return compact<SearchPeerRequest>(searchOf(objectOf(value, 'search request')));
}

/** 8.9. As {@link decodeSearchRequest}. */
export function decodeSearchQuery(value: unknown): SearchQuery {
  const fields = objectOf(value, 'search query');
  return compact<SearchQuery>({
    ...searchOf(fields),
    emitter_id: peerId(field(fields, 'emitter_id'), 'emitter_id'),
  });
}

function searchOf(fields: Fields) {
  const criteria = {
    peer_id: criterion(fields, 'peer_id', TEXT_LIMITS.peerId),
    did: criterion(fields, 'did', TEXT_LIMITS.did),
    name: criterion(fields, 'name', TEXT_LIMITS.name),
  };
  if (Object.values(criteria).every((value) => value === undefined)) {
    throw malformed('search', 'a search: it has no criterion');
  }
  return { query_id: queryId(fields), ...criteria };
}

function queryId(fields: Fields): string {
  const id = text(fields, 'query_id', TEXT_LIMITS.queryId);
  if (id === '') throw malformed('query_id', 'an id: it is empty');
  return id;
}

function searchHit(value: unknown, what: string): SearchHit {
  const fields = objectOf(value, what);
  return compact<SearchHit>({
    peer_id: peerId(field(fields, 'peer_id'), 'peer_id'),
    did: text(fields, 'did', TEXT_LIMITS.did),
    name: text(fields, 'name', TEXT_LIMITS.name),
    record: raw(fields, 'record'),
  });
}

/** 8.8. At most 100 hits are kept. */
export function decodeSearchResult(value: unknown): SearchPeerResult {
  const fields = objectOf(value, 'search result');
  return { query_id: queryId(fields), records: list(fields, 'records', LIST_LIMITS.hits, searchHit) };
}
