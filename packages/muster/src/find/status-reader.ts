/**
 * Asks status endpoints of nodes and indexers.
 *
 * Fault model: whatever listens there may be something else, silent, slow, or send without end. Every answer has a limit in bytes,
 * hits have one in number, and all ends with the signal.
 */
import { errorCode } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import { printable } from './show-found.ts';

/** Longest answer about one peer. */
export const MAX_ANSWER_BYTES = 65_536;
/** Longest answer to a search. */
export const MAX_SEARCH_BYTES = 1_048_576;
/** Hits of a search that are looked at. */
export const MAX_HITS = 500;

/** What an endpoint says of a peer, unchecked. */
export interface PeerClaim {
  /** The signed record, as it came. */
  readonly record: unknown;
  readonly ageMs: number | undefined;
  readonly stalenessBoundMs: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** Undefined when the node does not know it. Rejects STATUS_UNREACHABLE, STATUS_REFUSED. */
export async function readPeer(
  place: string,
  peer: string,
  signal: AbortSignal,
): Promise<PeerClaim | undefined> {
  const response = await request(place, `/peers/${encodeURIComponent(peer)}`, signal);
  const texts: string[] = [];
  for await (const text of chunksOf(place, response, MAX_ANSWER_BYTES, signal)) texts.push(text);
  const body = parseObject(texts.join(''));
  if (response.ok && body !== undefined) return claimOf(body);
  if (response.status === 404) return undefined;
  throw refused(place, response.status, body);
}

/** What a search finds, as it comes. Ends with the search or the signal. Rejects as {@link readPeer}. */
export async function* searchPeers(
  place: string,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<PeerClaim, void, undefined> {
  const response = await request(place, `/search?name=${encodeURIComponent(name)}`, signal);
  let rest = '';
  let hits = 0;
  for await (const text of chunksOf(place, response, MAX_SEARCH_BYTES, signal)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of response.ok ? lines : []) {
      const hit = parseObject(line)?.['hit'];
      if (typeof hit !== 'object' || hit === null) continue;
      hits += 1;
      if (hits > MAX_HITS) return;
      yield claimOf(hit as Json);
    }
  }
  if (!response.ok) throw refused(place, response.status, parseObject(rest));
}

async function request(place: string, path: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(`http://${place}${path}`, { signal, redirect: 'error' });
  } catch (error) {
    throw unreachable(place, error, signal);
  }
}

async function* chunksOf(
  place: string,
  { body }: Response,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw cliErrors.create('STATUS_REFUSED', `${place} sends more than ${maxBytes} bytes`);
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw errorCode(error) === 'STATUS_REFUSED' ? error : unreachable(place, error, signal);
  }
}

function claimOf(body: Json): PeerClaim {
  const { record, age_ms: age, staleness_bound_ms: bound } = body;
  return { record, ageMs: durationOf(age), stalenessBoundMs: durationOf(bound) };
}

function durationOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function refused(place: string, status: number, body: Json | undefined): Error {
  const { error } = body ?? {};
  const said = typeof error === 'string' ? printable(error.slice(0, 200)) : `status ${status}`;
  return cliErrors.create('STATUS_REFUSED', `${place} does not answer: ${said}`, {
    details: { place, status },
  });
}

function unreachable(place: string, cause: unknown, signal: AbortSignal): Error {
  const reason = signal.aborted
    ? 'no answer in time'
    : (errorCode((cause as Error).cause) ?? (cause as Error).message);
  return cliErrors.create('STATUS_UNREACHABLE', `no node or indexer answers at ${place} (${reason})`, {
    details: { place },
    cause,
  });
}
