/** Virtual container runtimes: they ask as runtimes do, check every byte, and write down how long it took (25.3). */

import { createHash } from 'node:crypto';
import { Agent, get, type IncomingMessage, request as send } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabDigest } from './objects.ts';

export interface DrivePlan {
  /** Where each runtime asks: `http://host:port`. */
  readonly runtimes: readonly { readonly name: string; readonly base: string }[];
  readonly repository: string;
  /** What is asked for first: a manifest or an index. */
  readonly root: LabDigest;
  /** Only a HEAD of the root. */
  readonly headOnly?: boolean;
  /** Asked when a mirror answers 5xx; without it a failure is tried again after 1, 2, 4 s, at most five times. */
  readonly fallback?: string;
  /** Starts are spread evenly over this time. @default all at once */
  readonly spreadMs?: number;
  /** What unpacking takes from each runtime. @default no limit */
  readonly sinkBytesPerSecond?: number;
  /** How often a failed request is tried again. @default 5 */
  readonly retries?: number;
}

export interface ObjectRow {
  readonly digest: string;
  readonly size: number;
  readonly ms: number;
  /** Request to first byte of the body. */
  readonly firstByteMs: number;
  /** What the mirror says of where the bytes came from. */
  readonly source: string;
  readonly attempts: number;
}

export interface RuntimeRow {
  readonly name: string;
  /** First request to last byte, everything verified. */
  readonly ms: number;
  readonly bytes: number;
  readonly objects: readonly ObjectRow[];
  /** Requests that went to the fallback. */
  readonly fallbacks: number;
  /** Complete bodies that were not what their digest says: must be 0. */
  readonly wrong: number;
  /** Statuses and errors of the attempts that failed. */
  readonly failures: readonly string[];
  /** Why it does not have the image. */
  readonly error?: string;
}

const PARALLEL = 3;
const RETRY_AFTER_MS = [1_000, 2_000, 4_000];
/** No byte for so long: the runtime gives the attempt up. */
const SILENCE_MS = 120_000;
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Lets all runtimes pull at once. Resolves when each has everything or has given up. */
export async function drive(plan: DrivePlan): Promise<readonly RuntimeRow[]> {
  const { runtimes, spreadMs = 0 } = plan;
  return await Promise.all(
    runtimes.map(async (runtime, index) => {
      const delayMs = (spreadMs * index) / runtimes.length;
      if (delayMs > 0) await sleep(delayMs);
      return await new Runtime(runtime, plan).pull();
    }),
  );
}

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string; readonly size: number }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

type Family = 'manifests' | 'blobs';

class Runtime {
  readonly #name: string;
  readonly #base: string;
  readonly #plan: DrivePlan;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });
  readonly #objects: ObjectRow[] = [];
  readonly #failures: string[] = [];
  #fallbacks = 0;
  #wrong = 0;
  #sinkReadyAt = 0;

  constructor({ name, base }: { readonly name: string; readonly base: string }, plan: DrivePlan) {
    this.#name = name;
    this.#base = base;
    this.#plan = plan;
  }

  async pull(): Promise<RuntimeRow> {
    const startedAt = performance.now();
    let error: string | undefined;
    try {
      await this.#pullAll();
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    } finally {
      this.#agent.destroy();
    }
    return {
      name: this.#name,
      ms: performance.now() - startedAt,
      bytes: this.#objects.reduce((sum, { size }) => sum + size, 0),
      objects: this.#objects,
      fallbacks: this.#fallbacks,
      wrong: this.#wrong,
      failures: this.#failures,
      ...(error === undefined ? {} : { error }),
    };
  }

  async #pullAll(): Promise<void> {
    const { root, headOnly = false } = this.#plan;
    await this.#withRetries((base) => this.#head(base, root));
    if (headOnly) return;
    let manifest = await this.#manifest(root);
    const [first] = manifest.manifests ?? [];
    if (first !== undefined) manifest = await this.#manifest(first.digest);
    const digests = [manifest.config?.digest, ...(manifest.layers ?? []).map(({ digest }) => digest)];
    const waiting = digests.filter((digest) => digest !== undefined);
    const worker = async (): Promise<void> => {
      for (let digest = waiting.shift(); digest !== undefined; digest = waiting.shift()) {
        await this.#object('blobs', digest, false);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  async #manifest(digest: string): Promise<Manifest> {
    const bytes = await this.#object('manifests', digest, true);
    return JSON.parse(Buffer.concat(bytes).toString()) as Manifest;
  }

  async #object(family: Family, digest: string, isKept: boolean): Promise<readonly Uint8Array[]> {
    const startedAt = performance.now();
    let attempts = 0;
    const { chunks, ...facts } = await this.#withRetries((base) => {
      attempts += 1;
      return this.#get(`${base}${this.#path(family, digest)}`, digest, isKept);
    });
    this.#objects.push({ digest, ms: performance.now() - startedAt, attempts, ...facts });
    return chunks;
  }

  async #withRetries<T>(attempt: (base: string) => Promise<T>): Promise<T> {
    const { fallback, retries = 5 } = this.#plan;
    for (let failed = 0; ; failed++) {
      try {
        return await attempt(this.#base);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#failures.push(text);
        if (fallback !== undefined && /^5\d\d/.test(text)) {
          this.#fallbacks += 1;
          return await attempt(fallback);
        }
        if (failed >= retries) throw error;
        await sleep(RETRY_AFTER_MS[Math.min(failed, RETRY_AFTER_MS.length - 1)]);
      }
    }
  }

  #path(family: Family, digest: string): string {
    return `/v2/${this.#plan.repository}/${family}/${digest}`;
  }

  async #head(base: string, digest: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const options = { agent: this.#agent, method: 'HEAD', timeout: SILENCE_MS, headers: { accept: ACCEPT } };
    const request = send(`${base}${this.#path('manifests', digest)}`, options, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${response.statusCode} for HEAD`));
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.end();
    await promise;
  }

  async #get(url: string, digest: string, isKept: boolean) {
    const startedAt = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { agent: this.#agent, timeout: SILENCE_MS, headers: { accept: ACCEPT } };
    const request = get(url, options, resolve);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('silence')));
    const response = await promise;
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`${response.statusCode} for GET`);
    }
    const body = await this.#read(response, startedAt, isKept);
    if (`sha256:${body.sha256}` !== digest) {
      this.#wrong += 1;
      throw new Error('a complete body is not what its digest says');
    }
    const source = String(response.headers['gantry-source'] ?? '');
    return { chunks: body.chunks, size: body.size, firstByteMs: body.firstByteMs, source };
  }

  /** Rejects when the body is shorter than its header said. */
  async #read(response: IncomingMessage, startedAt: number, isKept: boolean) {
    const hash = createHash('sha256');
    const chunks: Uint8Array[] = [];
    let size = 0;
    let firstByteMs = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (size === 0) firstByteMs = performance.now() - startedAt;
      size += chunk.length;
      hash.update(chunk);
      if (isKept) chunks.push(chunk);
      await this.#sink(chunk.length);
    }
    const length = response.headers['content-length'];
    if (length !== undefined && Number(length) !== size) throw new Error('a short body');
    return { chunks, size, firstByteMs, sha256: hash.digest('hex') };
  }

  async #sink(bytes: number): Promise<void> {
    const { sinkBytesPerSecond = 0 } = this.#plan;
    if (sinkBytesPerSecond <= 0) return;
    const now = performance.now();
    this.#sinkReadyAt = Math.max(now, this.#sinkReadyAt) + (bytes / sinkBytesPerSecond) * 1_000;
    if (this.#sinkReadyAt - now > 1) await sleep(this.#sinkReadyAt - now);
  }
}
