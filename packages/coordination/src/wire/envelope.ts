/**
 * The four messages of `gantry.coord.v1` as they are on the wire (4.4): enums as numbers, times as seconds and
 * nanoseconds. What they mean to us is in messages.ts. Fields of later versions, among them the delegated credential of
 * PleasePullRequest (field 5), are passed over unread (4.9).
 */

import { malformed } from './frame.ts';
import { BYTES, ProtoReader, ProtoWriter, VARINT } from './protobuf.ts';

/** Wire form of a time. */
export interface WireTime {
  readonly seconds: number;
  readonly nanos: number;
}

export interface PullIntentRequest {
  readonly digest: string;
}

export interface PullIntentResponse {
  readonly hasCached: boolean;
  readonly inFlight: boolean;
  readonly startedAt: WireTime | undefined;
  readonly hrwRank: number;
  readonly recentlyFailed: boolean;
  readonly cooldownUntil: WireTime | undefined;
  readonly failureClass: number;
  /** Fields 100 and 101 (4.8). */
  readonly progressBytes: number | undefined;
  readonly totalBytes: number | undefined;
}

export interface PleasePullRequest {
  readonly digests: readonly string[];
  readonly upstreamRegistry: string;
  readonly repository: string;
  readonly kind: number;
}

export interface PleasePullResultMessage {
  readonly digest: string;
  readonly outcome: number;
  readonly startedAt: WireTime | undefined;
  readonly cooldownUntil: WireTime | undefined;
  readonly failureClass: number;
}

export interface PleasePullResponse {
  readonly results: readonly PleasePullResultMessage[];
}

export type Envelope =
  | { readonly type: 'pull_intent_request'; readonly message: PullIntentRequest }
  | { readonly type: 'pull_intent_response'; readonly message: PullIntentResponse }
  | { readonly type: 'please_pull_request'; readonly message: PleasePullRequest }
  | { readonly type: 'please_pull_response'; readonly message: PleasePullResponse };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Canonical bytes of an envelope, without frame (4.5). */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  switch (envelope.type) {
    case 'pull_intent_request':
      return wrap(1, new ProtoWriter().string(1, envelope.message.digest));
    case 'pull_intent_response':
      return wrap(2, intentFields(envelope.message));
    case 'please_pull_request': {
      const { digests, upstreamRegistry, repository, kind } = envelope.message;
      const writer = new ProtoWriter();
      for (const digest of digests) writer.element(1, digest);
      return wrap(3, writer.string(2, upstreamRegistry).string(3, repository).varint(4, kind));
    }
    case 'please_pull_response': {
      const writer = new ProtoWriter();
      for (const result of envelope.message.results) writer.message(1, resultFields(result).finish());
      return wrap(4, writer);
    }
  }
}

function wrap(field: number, writer: ProtoWriter): Uint8Array {
  return new ProtoWriter().message(field, writer.finish()).finish();
}

function intentFields(message: PullIntentResponse): ProtoWriter {
  const writer = new ProtoWriter().bool(1, message.hasCached).bool(2, message.inFlight);
  addTime(writer, 3, message.startedAt);
  writer.varint(4, message.hrwRank).bool(5, message.recentlyFailed);
  addTime(writer, 6, message.cooldownUntil);
  return writer
    .varint(7, message.failureClass)
    .varint(100, message.progressBytes ?? 0)
    .varint(101, message.totalBytes ?? 0);
}

function resultFields(result: PleasePullResultMessage): ProtoWriter {
  const writer = new ProtoWriter().string(1, result.digest).varint(2, result.outcome);
  addTime(writer, 3, result.startedAt);
  addTime(writer, 4, result.cooldownUntil);
  return writer.varint(5, result.failureClass);
}

function addTime(writer: ProtoWriter, field: number, time: WireTime | undefined): void {
  if (time === undefined) return;
  writer.message(field, new ProtoWriter().varint(1, time.seconds).varint(2, time.nanos).finish());
}

/**
 * The envelope in `bytes`, read as tolerantly as 4.5 asks. Throws MESSAGE_MALFORMED with the reason
 * `malformed_protobuf`, or `empty_envelope` when no message that we know is in it.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  let envelope: Envelope | undefined;
  const reader = new ProtoReader(bytes);
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    const { field, type } = next;
    if (type !== BYTES || field > 4) {
      reader.skip(field, type);
      continue;
    }
    const body = reader.bytes();
    // The same member again is merged into what was read, in place, so that a million tiny repetitions cost no more
    // than their bytes; another member replaces it.
    if (field === 1) {
      envelope = readIntentRequest(body, envelope?.type === 'pull_intent_request' ? envelope : undefined);
    } else if (field === 2) {
      envelope = readIntentResponse(body, envelope?.type === 'pull_intent_response' ? envelope : undefined);
    } else if (field === 3) {
      envelope = readPullRequest(body, envelope?.type === 'please_pull_request' ? envelope : undefined);
    } else {
      envelope = readPullResponse(body, envelope?.type === 'please_pull_response' ? envelope : undefined);
    }
  }
  if (envelope === undefined) throw malformed('empty_envelope', 'the envelope has no message that we know');
  return envelope;
}

type Member<Type extends Envelope['type']> = Extract<Envelope, { readonly type: Type }>;

function readIntentRequest(
  body: Uint8Array,
  before: Member<'pull_intent_request'> | undefined,
): Member<'pull_intent_request'> {
  const message: Mutable<PullIntentRequest> = before?.message ?? { digest: '' };
  readFields(body, (reader, field, type) => {
    if (field !== 1 || type !== BYTES) return false;
    message.digest = reader.string();
    return true;
  });
  return { type: 'pull_intent_request', message };
}

function readIntentResponse(
  body: Uint8Array,
  before: Member<'pull_intent_response'> | undefined,
): Member<'pull_intent_response'> {
  const message: Mutable<PullIntentResponse> = before?.message ?? { ...EMPTY_INTENT };
  readFields(body, (reader, field, type) => {
    if (type === BYTES) {
      if (field === 3) message.startedAt = readTime(reader.bytes(), message.startedAt);
      else if (field === 6) message.cooldownUntil = readTime(reader.bytes(), message.cooldownUntil);
      else return false;
      return true;
    }
    if (type !== VARINT) return false;
    if (field === 1) message.hasCached = reader.bool();
    else if (field === 2) message.inFlight = reader.bool();
    else if (field === 4) message.hrwRank = reader.int32();
    else if (field === 5) message.recentlyFailed = reader.bool();
    else if (field === 7) message.failureClass = reader.int32();
    else if (field === 100) message.progressBytes = reader.uint64();
    else if (field === 101) message.totalBytes = reader.uint64();
    else return false;
    return true;
  });
  return { type: 'pull_intent_response', message };
}

const EMPTY_INTENT: PullIntentResponse = {
  hasCached: false,
  inFlight: false,
  startedAt: undefined,
  hrwRank: 0,
  recentlyFailed: false,
  cooldownUntil: undefined,
  failureClass: 0,
  progressBytes: undefined,
  totalBytes: undefined,
};

function readPullRequest(
  body: Uint8Array,
  before: Member<'please_pull_request'> | undefined,
): Member<'please_pull_request'> {
  const message: Mutable<PleasePullRequest> = before?.message ?? {
    digests: [],
    upstreamRegistry: '',
    repository: '',
    kind: 0,
  };
  const digests = message.digests as string[];
  readFields(body, (reader, field, type) => {
    if (type === BYTES && field === 1) digests.push(reader.string());
    else if (type === BYTES && field === 2) message.upstreamRegistry = reader.string();
    else if (type === BYTES && field === 3) message.repository = reader.string();
    else if (type === VARINT && field === 4) message.kind = reader.int32();
    else return false;
    return true;
  });
  return { type: 'please_pull_request', message };
}

function readPullResponse(
  body: Uint8Array,
  before: Member<'please_pull_response'> | undefined,
): Member<'please_pull_response'> {
  const message: PleasePullResponse = before?.message ?? { results: [] };
  const results = message.results as PleasePullResultMessage[];
  readFields(body, (reader, field, type) => {
    if (type !== BYTES || field !== 1) return false;
    results.push(readResult(reader.bytes()));
    return true;
  });
  return { type: 'please_pull_response', message };
}

function readResult(body: Uint8Array): PleasePullResultMessage {
  const result: Mutable<PleasePullResultMessage> = {
    digest: '',
    outcome: 0,
    startedAt: undefined,
    cooldownUntil: undefined,
    failureClass: 0,
  };
  readFields(body, (reader, field, type) => {
    if (type === BYTES && field === 1) result.digest = reader.string();
    else if (type === VARINT && field === 2) result.outcome = reader.int32();
    else if (type === BYTES && field === 3) result.startedAt = readTime(reader.bytes(), result.startedAt);
    else if (type === BYTES && field === 4)
      result.cooldownUntil = readTime(reader.bytes(), result.cooldownUntil);
    else if (type === VARINT && field === 5) result.failureClass = reader.int32();
    else return false;
    return true;
  });
  return result;
}

function readTime(body: Uint8Array, before: WireTime | undefined): WireTime {
  const time: Mutable<WireTime> = { seconds: 0, nanos: 0, ...before };
  readFields(body, (reader, field, type) => {
    if (type !== VARINT) return false;
    if (field === 1) time.seconds = reader.int64();
    else if (field === 2) time.nanos = reader.int32();
    else return false;
    return true;
  });
  return time;
}

/** Hands each field to `take`, which says whether it has read it, and passes over the others. */
function readFields(
  body: Uint8Array,
  take: (reader: ProtoReader, field: number, type: number) => boolean,
): void {
  const reader = new ProtoReader(body);
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    if (!take(reader, next.field, next.type)) reader.skip(next.field, next.type);
  }
}
