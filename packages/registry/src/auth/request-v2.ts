/**
 * Version 2 request signatures (B-10): bound to the whole request, to a time and to a nonce.
 *
 * Fault model: a request may be captured and sent again, changed or not, to this registry at any time. A changed one
 * has another digest; an unchanged one is known by its nonce for longer than its time is acceptable. Nonces are kept in
 * memory: after a restart, requests signed before it are refused instead.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@muster/core/identity';
import { decodeStandardBase64 } from '../wire/index.ts';
import { authErrors } from './errors.ts';

/** How far the time of a request may be from the registry's, either way. */
export const REQUEST_WINDOW_SECONDS = 60;
/** How long a nonce is remembered, at the least: longer than a request can stay within its window. */
export const NONCE_MEMORY_SECONDS = 180;

/** A parsed JSON request. */
export type RequestFields = Readonly<Record<string, unknown>>;

const noncePattern = /^[A-Za-z0-9_-]{16,64}$/;

/**
 * The canonical text of a request: keys in the order of their code units, no white space, numbers and strings as
 * `JSON.stringify` writes them, without `signature`, `signature_v2` and `admin_token` at the top level. The message
 * must be one that `decodeMessage` made, which bounds its depth.
 */
export function canonicalRequest(message: RequestFields): string {
  const { signature: _signature, signature_v2: _signatureV2, admin_token: _adminToken, ...signed } = message;
  return canonicalJson(signed);
}

/** The signed text of a version 2 request; `nodeId` is the acting node's, `ts` in unix seconds. */
export function requestV2Challenge(
  type: string,
  nodeId: number,
  ts: number,
  nonce: string,
  message: RequestFields,
): string {
  const digest = createHash('sha256').update(canonicalRequest(message)).digest('hex');
  return `pilot-reg-v2|${type}|${nodeId}|${ts}|${nonce}|${digest}`;
}

/** The fields that make a request a version 2 request. */
export interface RequestV2Fields {
  /** Unix seconds. */
  readonly ts: number;
  readonly nonce: string;
  readonly signature: Uint8Array;
}

/**
 * The version 2 fields of a request; `undefined` when it has no `signature_v2`.
 *
 * @throws `invalid_request_signature`: `signature_v2 requires an integer ts`, `signature_v2 requires a nonce of 16 to 64
 * characters A-Z a-z 0-9 _ -`, `invalid signature encoding: ..`
 */
export function readRequestV2(message: RequestFields): RequestV2Fields | undefined {
  const { signature_v2: signatureText, ts, nonce } = message;
  if (typeof signatureText !== 'string' || signatureText === '') return undefined;
  if (typeof ts !== 'number' || !Number.isSafeInteger(ts) || ts < 0) {
    throw invalid('signature_v2 requires an integer ts');
  }
  if (typeof nonce !== 'string' || !noncePattern.test(nonce)) {
    throw invalid('signature_v2 requires a nonce of 16 to 64 characters A-Z a-z 0-9 _ -');
  }
  const signature = decodeStandardBase64(signatureText);
  if (!signature.ok) throw invalid(`invalid signature encoding: ${signature.error}`);
  return { ts, nonce, signature: signature.value };
}

function invalid(message: string): Error {
  return authErrors.create('invalid_request_signature', message);
}

/** Bounds of a {@link NonceWindow}. */
export interface NonceWindowOptions {
  /** Nonces remembered over all nodes, about 150 bytes each. @default 262144 */
  readonly maxNonces?: number;
  /** Nonces remembered of one node. @default 4096 */
  readonly maxNoncesPerNode?: number;
  /** Requests signed before this (unix seconds) are refused: the time when the memory began. @default 0 */
  readonly startedAtSeconds?: number;
}

/** The nonces of one minute: per node, so that no node can fill the memory of the others. */
type Generation = Map<number, Set<string>>;

/** Seconds of one generation; four of them hold {@link NONCE_MEMORY_SECONDS} at any time. */
const GENERATION_SECONDS = 60;
const GENERATIONS = NONCE_MEMORY_SECONDS / GENERATION_SECONDS + 1;

/**
 * Decides whether the time and nonce of a request are fresh. A plain state machine: the time is passed in. Should the
 * clock go back, nonces are kept longer, never shorter.
 */
export class NonceWindow {
  readonly maxNonces: number;
  readonly maxNoncesPerNode: number;
  readonly startedAtSeconds: number;
  /** Newest first. */
  #generations: Generation[] = [new Map()];
  /** Number of the newest generation: unix time in units of {@link GENERATION_SECONDS}. */
  #newest = 0;
  #size = 0;

  constructor(options: NonceWindowOptions = {}) {
    this.maxNonces = options.maxNonces ?? 262_144;
    this.maxNoncesPerNode = options.maxNoncesPerNode ?? 4096;
    this.startedAtSeconds = options.startedAtSeconds ?? 0;
  }

  /** Nonces remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Refuses a request that is stale or replayed. Cheap; call it before the signature is verified, and
   * {@link accept} after.
   *
   * @throws `stale_request`, `replayed_request`, `nonce_memory_full`
   */
  check(nodeId: number, ts: number, nonce: string, nowSeconds: number): void {
    this.#advance(nowSeconds);
    const distance = Math.abs(ts - nowSeconds);
    if (distance > REQUEST_WINDOW_SECONDS) {
      const text = `request ts is ${distance}s from registry time (max ${REQUEST_WINDOW_SECONDS}s)`;
      throw authErrors.create('stale_request', text);
    }
    if (ts < this.startedAtSeconds) {
      throw authErrors.create('stale_request', 'request was signed before the registry started');
    }
    let ofNode = 0;
    for (const generation of this.#generations) {
      const nonces = generation.get(nodeId);
      if (nonces === undefined) continue;
      if (nonces.has(nonce)) throw authErrors.create('replayed_request', 'request nonce already used');
      ofNode += nonces.size;
    }
    if (ofNode >= this.maxNoncesPerNode || this.#size >= this.maxNonces) {
      throw authErrors.create('nonce_memory_full', 'too many signed requests, try again later');
    }
  }

  /**
   * Remembers the nonce of a request whose signature verified. Checks again, because the same request may have been
   * verified twice at the same time.
   *
   * @throws as {@link check}
   */
  accept(nodeId: number, ts: number, nonce: string, nowSeconds: number): void {
    this.check(nodeId, ts, nonce, nowSeconds);
    const [generation] = this.#generations;
    if (generation === undefined) return;
    const nonces = generation.get(nodeId);
    if (nonces === undefined) generation.set(nodeId, new Set([nonce]));
    else nonces.add(nonce);
    this.#size++;
  }

  #advance(nowSeconds: number): void {
    const current = Math.floor(nowSeconds / GENERATION_SECONDS);
    const steps = Math.min(GENERATIONS, current - this.#newest);
    if (steps <= 0) return;
    this.#newest = current;
    for (let step = 0; step < steps; step++) this.#generations.unshift(new Map());
    for (const dropped of this.#generations.splice(GENERATIONS)) {
      for (const nonces of dropped.values()) this.#size -= nonces.size;
    }
  }
}
