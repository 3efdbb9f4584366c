import { setTimeout as sleep } from 'node:timers/promises';

const BOUND_MS = 20_000;
const STEP_MS = 20;

/** Waits until `look` gives something, and resolves with it; rejects after a bound that only failures meet. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + BOUND_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
    await sleep(STEP_MS);
  }
}
