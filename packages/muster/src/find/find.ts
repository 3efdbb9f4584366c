/**
 * One question, two who may answer: the registry, which is the authority, and the overlay when the registry cannot.
 *
 * What it promises: an answer is of one of them, and says of which; they are never mixed. The overlay is asked early, so that no time
 * is lost when the registry turns out to be silent, but its answer is thrown away whenever the registry gives one. Nobody found is an
 * answer, too.
 */
import { type Located, type LocationSource, type Locator, MusterError, type Timers } from '@muster/core';
import type { Conflict, OverlayLocator } from './overlay-locator.ts';

/** The overlay is asked when the registry has not answered for so long. */
export const HEDGE_MS = 300;

export interface FindOptions {
  /** Undefined: only the overlay is asked. */
  readonly registry: Locator | undefined;
  /** Undefined: only the registry is asked. */
  readonly overlay: Pick<OverlayLocator, 'ask'> | undefined;
  /** Time for the whole answer of the registry; how long it may be silent is the locator's affair. */
  readonly registryMs: number;
  /** Time for the overlay, from when it is asked. */
  readonly overlayMs: number;
  readonly timers: Timers;
  readonly signal?: AbortSignal;
}

/** An answer, and whose it is. */
export interface Found {
  readonly source: LocationSource;
  readonly located: readonly Located[];
  /** Peers that go by a name which is registered for another key; of the overlay only. */
  readonly conflicts: readonly Conflict[];
  /** Why the registry has not answered; undefined when it has, or was not asked. */
  readonly registryFailure: Error | undefined;
}

type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'failure'; readonly error: Error };

/** Rejects USAGE, and, when nobody answers, with the code of the registry's failure, or of the overlay's when it alone is asked. */
export async function find(what: string, options: FindOptions): Promise<Found> {
  const { registry, overlay, registryMs, overlayMs, timers } = options;
  const ending = new AbortController();
  const signal =
    options.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, options.signal]);
  const asking = new AbortController();
  const registrySignal = AbortSignal.any([signal, asking.signal]);
  const bound = timers.after(registryMs, () => asking.abort(new Error(`no answer within ${registryMs} ms`)));
  let asked: Promise<Outcome<Awaited<ReturnType<OverlayLocator['ask']>>>> | undefined;
  const askOverlay = (): NonNullable<typeof asked> | undefined =>
    (asked ??= overlay && outcomeOf(overlay.ask(what, { timeoutMs: overlayMs, signal })));
  try {
    let registryFailure: Error | undefined;
    if (registry !== undefined) {
      const hedge = timers.after(HEDGE_MS, () => void askOverlay());
      const outcome = await outcomeOf(
        registry.locate(what, { timeoutMs: registryMs, signal: registrySignal }),
      );
      hedge.cancel();
      if (outcome.kind === 'answer') {
        return { source: 'registry', located: outcome.answer, conflicts: [], registryFailure: undefined };
      }
      registryFailure = outcome.error;
    }
    options.signal?.throwIfAborted();
    const outcome = await askOverlay();
    if (outcome === undefined) throw registryFailure ?? new TypeError('there is nobody to ask');
    if (outcome.kind === 'failure') throw both(registryFailure, outcome.error);
    return { source: 'overlay', ...outcome.answer, registryFailure };
  } finally {
    bound.cancel();
    ending.abort();
  }
}

async function outcomeOf<T>(asked: Promise<T>): Promise<Outcome<T>> {
  return await asked.then(
    (answer) => ({ kind: 'answer', answer }),
    (error: unknown) => ({
      kind: 'failure',
      error: error instanceof Error ? error : new Error(String(error)),
    }),
  );
}

/** That neither answers is told as one error, of the registry's code: that is who should have. */
function both(registryFailure: Error | undefined, overlayFailure: Error): Error {
  if (registryFailure === undefined) return overlayFailure;
  const message = `${registryFailure.message}; and of the overlay: ${overlayFailure.message}`;
  if (!(registryFailure instanceof MusterError)) return new Error(message, { cause: overlayFailure });
  const { code, hint, details } = registryFailure;
  return new MusterError(code, message, { hint, details, cause: overlayFailure });
}
