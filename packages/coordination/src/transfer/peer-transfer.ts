/** Getting an object from another node (coordination spec 14.4), as sessions see it; `outbound/` has the real one. */

import type { Digest, ObjectKind, Provider } from '../types.ts';

export interface PeerRequest {
  readonly provider: Provider;
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** Empty when it is not known; the other side does not look at it. */
  readonly repository: string;
  readonly offset: number;
  /** Whether content in progress is welcome (14.5). */
  readonly acceptsPartial: boolean;
  readonly signal: AbortSignal;
}

/** Labels of `p2p_peer_fetch_total` (14.4). */
export type PeerOutcome =
  | 'hit'
  | 'notfound'
  | 'busy'
  | 'auth'
  | 'protocol'
  | 'server'
  | 'error'
  | 'stall'
  | 'digest_mismatch';

export type PeerReply =
  | {
      readonly kind: 'body';
      /** Where `body` begins: 0 when the other side does not do ranges. */
      readonly offset: number;
      /** Of the whole object; undefined when it is not told. */
      readonly size: number | undefined;
      readonly isPartial: boolean;
      /** Rejects when it breaks off, or stands still for too long. To be read to its end, or left in the loop. */
      readonly body: AsyncIterable<Uint8Array>;
    }
  | {
      readonly kind: 'refused';
      readonly outcome: Extract<PeerOutcome, 'notfound' | 'busy' | 'auth' | 'protocol' | 'server'>;
      readonly retryAfterMs?: number;
      /** Addresses of others that may have it. */
      readonly alternates?: readonly string[];
    }
  /** No answer at all. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface PeerTransfer {
  /** One attempt. Rejects only with the reason of the signal. */
  open(request: PeerRequest): Promise<PeerReply>;
  /** The size of the object, when the node has it. Rejects only with the reason of the signal. */
  head(
    request: Omit<PeerRequest, 'offset' | 'acceptsPartial'>,
  ): Promise<{ readonly size: number; readonly mediaType: string | undefined } | undefined>;
}
