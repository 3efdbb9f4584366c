/** The ambient sources of the client, passed in so that its logic can be tested without waiting. */
export interface Environment {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  now(): number;
  /** Calls back once after `delayMs`; keeps the process alive until then. Returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** A number `x` with `0 <= x < 1`. */
  fraction(): number;
  /** A fresh nonce for `signature_v2`. */
  nonce(): string;
}

/** `delayMs` shortened by a random part of up to `jitter` (0 to 1) of it, so that many clients don't act as one. */
export function jittered(environment: Environment, delayMs: number, jitter: number): number {
  return delayMs * (1 - jitter * environment.fraction());
}

/** Waits for `delayMs`, or until `signal` is aborted; never rejects. */
export async function pause(environment: Environment, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const cancel = environment.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
