/** HTTP as the origin client sees it: one request, one answer; no redirects, no retries. `outbound/` has the real one. */

import type { AddressKind } from './addresses.ts';
import { type FailureFacts, RequestFailure } from './failure.ts';

export interface OriginRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The kind of network from which the URL was named by others: only where {@link mayRedirect} allows is it sent then. */
  readonly namedFrom?: AddressKind;
  readonly signal: AbortSignal;
}

/** An answer. `body` is to be read to its end, or left in the loop, or discarded; else its connection stays taken. */
export interface OriginReply {
  readonly status: number;
  /** A header by its name in lower case; several are joined by commas. */
  header(name: string): string | undefined;
  /** The `WWW-Authenticate` headers. */
  readonly challenges: readonly string[];
  /** Where the answer came from. */
  readonly remoteKind: AddressKind;
  /** Throws {@link RequestFailure} when it breaks off or stands still for too long. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** Rejects {@link RequestFailure}, or with the reason of the signal. */
export type OriginHttp = (request: OriginRequest) => Promise<OriginReply>;

/** No answer came about: the request may be made again (coordination spec 15.5). */
export class ConnectFailure extends RequestFailure {}

/** The facts of a failure of the network. */
export const TRANSIENT: FailureFacts = { failureClass: 'transient' };
