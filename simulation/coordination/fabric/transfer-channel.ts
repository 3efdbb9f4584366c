import { type AbortHub, Wait } from '../../discovery/waits.ts';
import type { SimProcess } from '../../kernel/index.ts';

/** What an endpoint sends for one request, in order. */
export type TransferMessage =
  | {
      readonly kind: 'head';
      readonly status: number;
      readonly offset: number;
      readonly size: number | undefined;
      readonly isPartial: boolean;
      readonly retryAfterMs?: number;
      readonly alternates?: readonly string[];
    }
  | { readonly kind: 'bytes'; readonly data: Uint8Array }
  | { readonly kind: 'end' };

/** The asking end of one request: messages as they arrive, and the end of the connection. */
export class TransferChannel {
  readonly #process: SimProcess;
  readonly #hub: AbortHub;
  readonly #inbox: TransferMessage[] = [];
  #wait: Wait<TransferMessage> | undefined;
  #failure: Error | undefined;

  constructor(process: SimProcess, hub: AbortHub) {
    this.#process = process;
    this.#hub = hub;
  }

  push(message: TransferMessage): void {
    const wait = this.#wait;
    this.#wait = undefined;
    if (wait === undefined || wait.isOver) this.#inbox.push(message);
    else wait.done(message);
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wait?.fail(error);
    this.#wait = undefined;
  }

  /** The next message. Rejects when the connection has ended, when the time is over, and with the reason of the signal. */
  async next(what: string, timeoutMs: number, signal: AbortSignal): Promise<TransferMessage> {
    const present = this.#inbox.shift();
    if (present !== undefined) return present;
    if (this.#failure !== undefined) throw this.#failure;
    const wait = new Wait<TransferMessage>(
      this.#process,
      this.#hub,
      { timeoutMs, signal },
      () => new Error(`${what} within ${timeoutMs} ms`),
    );
    this.#wait = wait;
    return wait.promise;
  }
}
