/** What the pool needs of a connection, and a connection of the pool. */
import type { Frame } from './wire/frames.ts';

/** Where the reply to one request goes. Exactly one of the three is called, once. */
export interface Slot {
  /** The reply. False says that replies no longer fit the requests: the connection then ends. */
  onReply(frame: Frame): boolean;
  /** The reply came and can't be taken: PROTOCOL or REPLY_TOO_LARGE. */
  onFailed(error: Error): void;
  /** The connection ended first. */
  onLost(cause: Error): void;
}

/** A usable connection. */
export interface Link {
  /** Requests that were sent and not yet answered. */
  readonly unanswered: number;
  /** Replies that have come since it was opened. */
  readonly replies: number;
  /** Sends a request; its reply goes to `slot`. */
  send(frame: Uint8Array, slot: Slot): void;
  /** Ends it; unanswered requests are lost. */
  destroy(error: Error): void;
}

/** What a connection reports. */
export interface LinkEvents {
  /** Replies came. */
  onProgress(link: Link): void;
  /** It can't be used any more. Comes before the slots are told. */
  onLost(link: Link, cause: Error): void;
  /** Its socket is gone. Comes last. */
  onClosed(link: Link): void;
}

/** Opens connections. Rejects with the errors of dialling, or with CLOSED when `signal` is aborted. */
export type Dial = (events: LinkEvents, signal: AbortSignal) => Promise<Link>;
