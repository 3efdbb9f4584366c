import { ManualClock, seededRandom } from '@muster/core/testing';
import type { Environment } from '../src/environment.ts';

/** Time that stands still until the test advances it, and chance that repeats itself. */
export class ManualEnvironment implements Environment {
  readonly clock = new ManualClock();
  /** Delays that were asked for, in milliseconds. */
  readonly delays: number[] = [];
  /** Timers that were started and have neither fired nor been cancelled. */
  pending = 0;
  readonly #random = seededRandom(1);

  now(): number {
    return this.clock.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    this.delays.push(delayMs);
    this.pending++;
    let live = true;
    const end = (): void => {
      if (live) this.pending--;
      live = false;
    };
    const timer = this.clock.after(delayMs, () => {
      end();
      callback();
    });
    return () => {
      end();
      timer.cancel();
    };
  }

  fraction(): number {
    return this.#random.fraction();
  }

  nonce(): string {
    return Buffer.from(this.#random.bytes(18)).toString('base64url');
  }
}

/** Lets everything that is due by promises happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
