/**
 * Objects from a mirror, verified: nothing is believed that does not match its digest.
 *
 * Fault model: the mirror may be away, busy, cut off or lie. What breaks off is asked for again from where it broke, a few times.
 */
import { createHash, type Hash } from 'node:crypto';
import { coordinationErrors, type Digest } from '@muster/coordination';
import { errorCode, systemTimers } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';

const MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;

/** Where the mirror says that it has an object from. */
export type ObjectSource = 'cache' | 'peer' | 'origin' | 'unknown';

export interface MirrorObject {
  readonly registry: string;
  readonly repository: string;
  readonly digest: Digest;
  readonly path: 'manifests' | 'blobs';
}

export interface FetchedObject {
  readonly size: number;
  readonly source: ObjectSource;
  readonly mediaType: string;
  readonly ms: number;
}

/** Takes the bytes of an object, in order; `restart` when they come again from the beginning. */
export interface ObjectSink {
  write(chunk: Uint8Array): Promise<void>;
  restart(): Promise<void>;
}

/** Gets an object. Rejects MIRROR_UNREACHABLE, MIRROR_REFUSED, DIGEST_MISMATCH, or as the signal says. */
export async function fetchObject(
  mirror: string,
  object: MirrorObject,
  sink: ObjectSink,
  signal: AbortSignal,
): Promise<FetchedObject> {
  const startedAt = performance.now();
  const download = new Download(mirror, object, sink, signal);
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt += 1) {
    const failure = await download.attempt();
    if (failure === undefined) break;
    if (attempt === MAX_ATTEMPTS || !failure.mayRetry) throw failure.error;
    const waitMs = Math.min(MAX_PAUSE_MS, failure.retryAfterMs ?? pauseMs);
    try {
      await systemTimers.sleep(waitMs, signal);
    } catch {
      // What went wrong says more than that the time is over.
      throw failure.error;
    }
    pauseMs *= 2;
  }
  return { ...download.result, ms: performance.now() - startedAt };
}

interface Failure {
  readonly error: Error;
  readonly mayRetry: boolean;
  readonly retryAfterMs?: number;
}

class Download {
  readonly #mirror: string;
  readonly #object: MirrorObject;
  readonly #sink: ObjectSink;
  readonly #signal: AbortSignal;
  #hash: Hash = createHash('sha256');
  #bytes = 0;
  #source: ObjectSource = 'unknown';
  #mediaType = '';

  constructor(mirror: string, object: MirrorObject, sink: ObjectSink, signal: AbortSignal) {
    this.#mirror = mirror;
    this.#object = object;
    this.#sink = sink;
    this.#signal = signal;
  }

  get result(): Omit<FetchedObject, 'ms'> {
    return { size: this.#bytes, source: this.#source, mediaType: this.#mediaType };
  }

  /** One request; what is wrong with it, or nothing when the object is here. */
  async attempt(): Promise<Failure | undefined> {
    let response: Response;
    try {
      response = await fetch(this.#url(), {
        redirect: 'error',
        signal: this.#signal,
        headers: this.#bytes > 0 ? { range: `bytes=${this.#bytes}-` } : {},
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      return { error: unreachable(this.#mirror, error), mayRetry: false };
    }
    if (response.status !== 200 && response.status !== 206) return this.#refused(response);
    if (this.#bytes > 0 && response.status === 200) await this.#restart();
    this.#source = sourceOf(response);
    this.#mediaType = response.headers.get('content-type') ?? '';
    try {
      for await (const chunk of response.body ?? []) {
        this.#hash.update(chunk);
        this.#bytes += chunk.length;
        await this.#sink.write(chunk);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      if (errorCode(error) !== undefined && !isNetwork(error)) throw error;
      const message = `${this.#object.digest} broke off after ${this.#bytes} bytes`;
      return { error: cliErrors.create('MIRROR_REFUSED', message, { cause: error }), mayRetry: true };
    }
    return this.#mismatch();
  }

  async #mismatch(): Promise<Failure | undefined> {
    const got = `sha256:${this.#hash.copy().digest('hex')}`;
    const { digest } = this.#object;
    if (got === digest) return undefined;
    await this.#restart();
    const message = `the mirror has sent something else for ${digest}`;
    return {
      error: coordinationErrors.create('DIGEST_MISMATCH', message, { details: { digest, got } }),
      mayRetry: true,
    };
  }

  async #restart(): Promise<void> {
    await this.#sink.restart();
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  async #refused(response: Response): Promise<Failure> {
    const { status } = response;
    const reason = await reasonOf(response);
    const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
    const { registry, repository, digest } = this.#object;
    const message = `the mirror answers ${status} for ${registry}/${repository}@${digest}${reason}`;
    const error = cliErrors.create('MIRROR_REFUSED', message, {
      details: { status, registry, repository, digest },
      ...hintFor(status, registry, reason),
    });
    const mayRetry = status === 503 || status === 502 || status === 429;
    return { error, mayRetry, ...(retryAfterS >= 0 ? { retryAfterMs: retryAfterS * 1_000 } : {}) };
  }

  #url(): string {
    const { registry, repository, digest, path } = this.#object;
    return `http://${this.#mirror}/v2/${repository}/${path}/${digest}?ns=${encodeURIComponent(registry)}`;
  }
}

/** What is no answer of a registry is one of another address of the mirror, or of something else altogether. */
function hintFor(status: number, registry: string, reason: string): { readonly hint?: string } {
  if (reason === '' && status >= 400 && status < 500)
    return { hint: 'Is it the address for container runtimes? The banner of the mirror shows it as mirror.' };
  return status === 404 ? { hint: `Is ${registry} one of its registries (upstream-registries)?` } : {};
}

function sourceOf(response: Response): ObjectSource {
  const source = response.headers.get('gantry-source');
  return source === 'cache' || source === 'peer' || source === 'origin' ? source : 'unknown';
}

/** What the body says is wrong, in a few words. */
async function reasonOf(response: Response): Promise<string> {
  try {
    const text = (await response.text()).slice(0, 10_000);
    const body = JSON.parse(text) as { readonly errors?: readonly { readonly message?: unknown }[] };
    const message = body.errors?.[0]?.message;
    return typeof message === 'string' ? `: ${message.slice(0, 200)}` : '';
  } catch {
    return '';
  }
}

function isNetwork(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return code.startsWith('UND_') || code === 'ECONNRESET' || code === 'EPIPE';
}

function unreachable(mirror: string, cause: unknown): Error {
  const reason = errorCode((cause as Error).cause) ?? (cause as Error).message;
  return cliErrors.create('MIRROR_UNREACHABLE', `no mirror answers at ${mirror} (${reason})`, { cause });
}
