/** What the cascade is asked, and how it can end (coordination spec 10). */

import type { Digest, FailureClass, ObjectKind, Provider, PullJob, Repository } from '../types.ts';

export interface ColdStartRequest extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** Bytes, from the descriptor index; 0 or absent when unknown. */
  readonly expectedSize?: number;
  /** For a pull by this node. @default 'mirror' */
  readonly trigger?: PullJob['trigger'];
  readonly signal?: AbortSignal;
}

/** Why a node could not be tailed. */
export type TailRefusal =
  /** 404: it has no partial transfer. It is not asked for that again for ten minutes. */
  | { readonly kind: 'refused' }
  /** 429, and the alternates that it named have been tried. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** No connection, or a cut one. */
  | { readonly kind: 'unreachable' };

export type Resolution =
  /** Copy from these, in this order. */
  | { readonly how: 'providers'; readonly providers: readonly Provider[]; readonly outcome: string }
  /** The store has it now. */
  | { readonly how: 'local'; readonly outcome: string }
  /** The own pump pulls it: follow the download. */
  | { readonly how: 'own-pull'; readonly outcome: string }
  /**
   * The pull runs at that node: follow it there. When that does not work, `resume` goes on waiting for the same puller with
   * the deadline as it was, and on with the cascade after it; it rejects as `ColdStart.resolve` does.
   */
  | {
      readonly how: 'tail';
      readonly provider: Provider;
      readonly outcome: string;
      readonly resume: (refusal: TailRefusal, signal?: AbortSignal) => Promise<Resolution>;
    };

/** Details of the error `FAILURE_SHORT_CIRCUIT`. */
export interface ShortCircuitDetails {
  readonly digest: Digest;
  readonly node: string;
  readonly failureClass: FailureClass;
  /** Wall clock, when the node has told it. */
  readonly cooldownUntil: number | undefined;
}

/** Details of the error `COOLDOWN_ACTIVE`. */
export interface CooldownDetails {
  readonly digest: Digest;
  /** Wall clock; undefined when nobody has told it. */
  readonly cooldownUntil: number | undefined;
}
