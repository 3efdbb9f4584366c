/**
 * Connections, and the requests that wait for them.
 *
 * Fault model: a connection may fail to open, end at any moment, or fall silent; replies may be slow, too large or
 * nonsense. What this module then still promises:
 *
 * - every request is settled once, at the latest when its time is up;
 * - a request that was not written to a connection may go to another one; one that was written is written again only
 *   if it is repeatable, and at most `maxRepeats` times;
 * - no reply ever goes to another request than its own;
 * - memory is bounded by `maxQueued` requests, and `poolSize * maxPipelined` unanswered ones;
 * - a server that is down is asked at the pace of the back-off, however many requests wait.
 */
import type { MusterError } from '@muster/core/identity';
import { type ClientErrorCode, clientErrors } from './errors.ts';
import { type Environment, jittered } from './environment.ts';
import type { Dial, Link, LinkEvents, Slot } from './link.ts';
import type { ResolvedOptions } from './options.ts';
import type { Frame } from './wire/frames.ts';

/** One request to be answered. */
export interface PoolRequest {
  /** For messages of errors. */
  readonly type: string;
  /** Whether it may be sent again when a connection is lost after it was written. */
  readonly repeatable: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /**
   * The frames to write, made anew for each attempt (a signature may hold the time). The last one's reply is the
   * result; those before it go ahead on the same connection, and their replies are dropped.
   */
  encode(): readonly Uint8Array[];
  /** Reads a reply. Returns what hands it to the caller, or undefined when it can't be a reply to this request. */
  read(frame: Frame): (() => void) | undefined;
  /** Settles without a reply. */
  onError(error: Error): void;
}

/** What the pool holds, for metrics. */
export interface PoolStats {
  readonly connections: number;
  readonly unanswered: number;
  readonly queued: number;
  /** Connections opened since the start. */
  readonly opened: number;
  /** Requests written again after a connection was lost. */
  readonly repeated: number;
}

interface Job {
  readonly request: PoolRequest;
  state: 'queued' | 'sent' | 'done';
  /** The caller has its answer, but the reply is still on its way. */
  settled: boolean;
  repeats: number;
  failedDials: number;
  link: Link | undefined;
  stop: () => void;
}

/** Failures that another attempt would only repeat. */
const FINAL: ReadonlySet<string> = new Set<ClientErrorCode>(['PIN_MISMATCH', 'TLS_FAILED', 'CLOSED']);

export class Pool implements LinkEvents {
  readonly #options: ResolvedOptions;
  readonly #environment: Environment;
  readonly #dial: Dial;
  readonly #links = new Set<Link>();
  /** Links whose socket is not gone yet; a superset of `#links`. */
  readonly #open = new Set<Link>();
  readonly #closing = new AbortController();
  #queue: Job[] = [];
  #dialling: Promise<void> | undefined;
  #cancelRedial: (() => void) | undefined;
  /** Attempts in a row that led to no reply. */
  #failures = 0;
  #failedAtMs = 0;
  #lastDialError: Error | undefined;
  #opened = 0;
  #repeated = 0;
  #drained: (() => void) | undefined;

  constructor(options: ResolvedOptions, environment: Environment, dial: Dial) {
    this.#options = options;
    this.#environment = environment;
    this.#dial = dial;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  get stats(): PoolStats {
    let unanswered = 0;
    for (const link of this.#links) unanswered += link.unanswered;
    return {
      connections: this.#links.size,
      unanswered,
      queued: this.#queue.length,
      opened: this.#opened,
      repeated: this.#repeated,
    };
  }

  /** Takes a request; it is settled through its callbacks. */
  submit(request: PoolRequest): void {
    const job: Job = {
      request,
      state: 'queued',
      settled: false,
      repeats: 0,
      failedDials: 0,
      link: undefined,
      stop: () => undefined,
    };
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      queueMicrotask(() => request.onError(refusal));
      return;
    }
    const cancel = this.#environment.after(request.timeoutMs, () => this.#onTimeout(job));
    const onAbort = (): void => this.#onAbort(job);
    request.signal?.addEventListener('abort', onAbort, { once: true });
    job.stop = () => {
      cancel();
      request.signal?.removeEventListener('abort', onAbort);
    };
    this.#queue.push(job);
    this.#pump();
  }

  /** Ends everything: requests fail with CLOSED. Resolves when no socket and no timer is left. */
  async close(): Promise<void> {
    if (!this.closed) {
      const error = clientErrors.create('CLOSED', 'the client was closed');
      this.#closing.abort();
      this.#cancelRedial?.();
      for (const job of this.#queue.splice(0)) this.#settle(job, error);
      for (const link of this.#links) link.destroy(error);
    }
    await this.#dialling;
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#drained;
        this.#drained = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  onProgress(_link: Link): void {
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#cancelRedial?.();
      this.#cancelRedial = undefined;
    }
    this.#pump();
  }

  onLost(link: Link, cause: Error): void {
    this.#links.delete(link);
    if (link.replies === 0) this.#lastDialError = cause;
  }

  onClosed(link: Link): void {
    this.#open.delete(link);
    if (this.#open.size === 0) this.#drained?.();
    this.#pump();
  }

  #refusal(request: PoolRequest): Error | undefined {
    if (this.closed) return clientErrors.create('CLOSED', 'the client is closed');
    if (request.signal?.aborted === true) return aborted(request, false);
    if (this.#queue.length >= this.#options.maxQueued) {
      return clientErrors.create('QUEUE_FULL', `${this.#options.maxQueued} requests are waiting already`);
    }
    return undefined;
  }

  /** Gives waiting requests to connections, and opens another connection when there is more work than those have room for. */
  #pump(): void {
    while (this.#queue.length > 0 && !this.closed) {
      const link = this.#leastBusy();
      if (link === undefined || link.unanswered > 0) this.#grow();
      if (link === undefined || link.unanswered >= this.#options.maxPipelined) return;
      const job = this.#queue.shift();
      if (job !== undefined) this.#send(job, link);
    }
  }

  #leastBusy(): Link | undefined {
    let best: Link | undefined;
    for (const link of this.#links) {
      if (best === undefined || link.unanswered < best.unanswered) best = link;
    }
    return best;
  }

  #send(job: Job, link: Link): void {
    let frames: readonly Uint8Array[];
    try {
      frames = job.request.encode();
    } catch (error) {
      this.#settle(job, error as Error);
      return;
    }
    job.state = 'sent';
    job.link = link;
    for (const frame of frames.slice(0, -1)) link.send(frame, DROP);
    const last = frames.at(-1);
    if (last !== undefined) link.send(last, this.#slotOf(job));
  }

  #slotOf(job: Job): Slot {
    return {
      onReply: (frame) => {
        const deliver = job.request.read(frame);
        if (deliver === undefined) {
          this.#settle(
            job,
            clientErrors.create('PROTOCOL', `the reply to ${job.request.type} is not one of that kind`, {
              details: { requestType: job.request.type, opcode: frame.opcode },
            }),
          );
          return false;
        }
        if (this.#finish(job)) deliver();
        return true;
      },
      onFailed: (error) => this.#settle(job, error),
      onLost: (cause) => this.#onJobLost(job, cause),
    };
  }

  #onJobLost(job: Job, cause: Error): void {
    const { request } = job;
    if (this.closed) {
      this.#settle(job, cause);
      return;
    }
    if (!job.settled && request.repeatable && job.repeats < this.#options.maxRepeats) {
      job.repeats++;
      this.#repeated++;
      job.state = 'queued';
      job.link = undefined;
      this.#queue.unshift(job);
      // Not at once: the others of the same connection are still to be told.
      queueMicrotask(() => this.#pump());
      return;
    }
    const error = clientErrors.create(
      'CONNECTION_LOST',
      `the connection ended before the reply to ${request.type}`,
      {
        details: { requestType: request.type, sent: true },
        cause,
      },
    );
    this.#settle(job, error);
  }

  #onTimeout(job: Job): void {
    const sent = job.state === 'sent';
    const { request } = job;
    const error = clientErrors.create(
      'TIMEOUT',
      `no reply to ${request.type} within ${request.timeoutMs} ms`,
      {
        details: { requestType: request.type, sent },
        ...(sent || this.#lastDialError === undefined ? {} : { cause: this.#lastDialError }),
      },
    );
    const link = job.link;
    this.#settle(job, error);
    // Its reply may still come and would then be taken for the next one's: the connection is of no more use.
    if (sent) link?.destroy(error);
  }

  #onAbort(job: Job): void {
    const sent = job.state === 'sent';
    const error = aborted(job.request, sent);
    if (!sent) {
      this.#settle(job, error);
      return;
    }
    // The place in line is kept until the reply comes, or until the time is up.
    if (job.settled) return;
    job.settled = true;
    job.request.onError(error);
  }

  /** Takes a job out of everything. True when its caller still waits. */
  #finish(job: Job): boolean {
    if (job.state === 'done') return false;
    if (job.state === 'queued') {
      const index = this.#queue.indexOf(job);
      if (index >= 0) this.#queue.splice(index, 1);
    }
    job.state = 'done';
    job.link = undefined;
    job.stop();
    const waiting = !job.settled;
    job.settled = true;
    return waiting;
  }

  #settle(job: Job, error: Error): void {
    if (this.#finish(job)) job.request.onError(error);
  }

  /** Opens one more connection, if that is allowed now. One at a time, so that a server that is down sees one attempt. */
  #grow(): void {
    const full = this.#links.size >= this.#options.poolSize;
    if (full || this.#dialling !== undefined || this.#cancelRedial !== undefined || this.closed) return;
    const waitMs = this.#backOffMs();
    if (waitMs > 0) {
      this.#cancelRedial = this.#environment.after(waitMs, () => {
        this.#cancelRedial = undefined;
        // The requests that it was for may be gone by now.
        if (this.#queue.length > 0) this.#connect();
      });
      return;
    }
    this.#connect();
  }

  /** What is left of the pause after the last attempt that led to nothing. */
  #backOffMs(): number {
    if (this.#failures === 0) return 0;
    const { baseDelayMs, maxDelayMs, jitter } = this.#options.reconnect;
    const fullMs = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(this.#failures - 1, 30));
    // The wall clock may have been set meanwhile: never wait longer than the full pause.
    const passedMs = Math.max(0, this.#environment.now() - this.#failedAtMs);
    return Math.max(0, jittered(this.#environment, fullMs, jitter) - passedMs);
  }

  #connect(): void {
    this.#dialling = this.#dial(this, this.#closing.signal)
      .then(
        (link) => this.#onDialled(link),
        (error: unknown) => this.#onDialFailed(error as MusterError),
      )
      .finally(() => {
        this.#dialling = undefined;
        this.#pump();
      });
  }

  #onDialled(link: Link): void {
    this.#opened++;
    this.#open.add(link);
    if (this.closed) {
      link.destroy(clientErrors.create('CLOSED', 'the client was closed'));
      return;
    }
    this.#links.add(link);
    // Counts as failed until the first reply: a server that accepts and hangs up is no better than one that is down.
    this.#onAttemptFailed();
  }

  #onAttemptFailed(): void {
    this.#failures++;
    this.#failedAtMs = this.#environment.now();
  }

  #onDialFailed(error: MusterError): void {
    this.#onAttemptFailed();
    this.#lastDialError = error;
    // With a connection left, the waiting requests have somewhere to go.
    if (this.#links.size > 0) return;
    const final = FINAL.has(error.code);
    for (const job of this.#queue.slice()) {
      job.failedDials++;
      if (final || job.failedDials >= this.#options.reconnect.maxAttempts) this.#settle(job, error);
    }
  }
}

/** Takes the reply to a request that only went ahead of another. */
const DROP: Slot = {
  onReply: () => true,
  onFailed: () => undefined,
  onLost: () => undefined,
};

function aborted(request: PoolRequest, sent: boolean): Error {
  return clientErrors.create('ABORTED', `${request.type} was aborted`, {
    details: { requestType: request.type, sent },
    cause: request.signal?.reason,
  });
}
