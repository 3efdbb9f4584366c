import { Worker } from 'node:worker_threads';
import { packBatch } from '../verification-batch.ts';
import type { BatchVerifier } from '../verifier.ts';

/** Batches that a thread is given beforehand, so that it never waits for the next one. */
const BATCHES_AHEAD = 2;

type Done = (results: Uint8Array | undefined) => void;

interface Thread {
  readonly worker: Worker;
  /** The batches it has, in order. */
  readonly outstanding: Done[];
}

/**
 * Threads that check signatures in batches.
 *
 * Fault model: a thread may fail to start, or die. What it had is given back unchecked, nothing more is sent to it,
 * and when no thread is left the caller checks in its own way.
 */
export class VerificationThreads implements BatchVerifier {
  #threads: Thread[] = [];

  /** Starts `count` threads. They do not keep the process alive. */
  constructor(count: number) {
    // The file's own ending: source in a checkout, JavaScript when built.
    const entry = new URL(`./verification-worker${import.meta.url.slice(-3)}`, import.meta.url);
    for (let i = 0; i < count; i++) {
      const thread: Thread = { worker: new Worker(entry), outstanding: [] };
      this.#threads.push(thread);
      thread.worker.unref();
      thread.worker.on('message', (results: Uint8Array) => thread.outstanding.shift()?.(results));
      thread.worker.on('error', () => this.#lose(thread));
      thread.worker.on('exit', () => this.#lose(thread));
    }
  }

  /** Threads that live. */
  get size(): number {
    return this.#threads.length;
  }

  get hasRoom(): boolean {
    return this.#threads.some((thread) => thread.outstanding.length < BATCHES_AHEAD);
  }

  verify(checks: readonly Uint8Array[], done: Done): void {
    let idlest: Thread | undefined;
    for (const thread of this.#threads) {
      if (idlest === undefined || thread.outstanding.length < idlest.outstanding.length) idlest = thread;
    }
    if (idlest === undefined) {
      queueMicrotask(() => done(undefined));
      return;
    }
    const batch = packBatch(checks);
    idlest.outstanding.push(done);
    idlest.worker.postMessage(batch, [batch.buffer]);
  }

  /** Ends the threads; what they had is given back unchecked. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.worker.terminate()));
  }

  #lose(thread: Thread): void {
    this.#threads = this.#threads.filter((other) => other !== thread);
    for (const done of thread.outstanding.splice(0)) done(undefined);
  }
}
