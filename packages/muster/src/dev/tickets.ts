/**
 * Tickets of join lines: random, good for one join and for a limited time. Only their hashes are kept, in memory: whoever
 * reads the memory or the disk of the fleet cannot join with them, and a restart ends them all.
 */
import { createHash } from 'node:crypto';
import type { Clock, Random } from '@muster/core';
import { TICKET_BYTES } from '../fleet/join-line.ts';

/** How long a ticket is good. */
export const TICKET_TTL_MS = 10 * 60_000;
/** Tickets, used or not, that are remembered at most. */
export const MAX_TICKETS = 256;

export interface Ticket {
  /** Secret. */
  readonly bytes: Uint8Array;
  /** Epoch. */
  readonly expiresAt: number;
}

/** What became of a ticket: only `accepted` lets in, and only once. */
export type TicketVerdict = 'accepted' | 'used' | 'expired' | 'unknown';

interface KnownTicket {
  readonly expiresAtMs: number;
  isUsed: boolean;
}

/** The tickets of one fleet. */
export class Tickets {
  readonly #known = new Map<string, KnownTicket>();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** A new ticket; undefined while there are {@link MAX_TICKETS}. */
  issue(): Ticket | undefined {
    this.#forgetOld();
    if (this.#known.size >= MAX_TICKETS) return undefined;
    const bytes = this.#random.bytes(TICKET_BYTES);
    this.#known.set(hashOf(bytes), {
      // Of a clock that never goes back: setting the host's clock makes no ticket last longer.
      expiresAtMs: this.#clock.monotonic() + TICKET_TTL_MS,
      isUsed: false,
    });
    return { bytes, expiresAt: this.#clock.now() + TICKET_TTL_MS };
  }

  /** Uses a ticket up. */
  redeem(bytes: Uint8Array): TicketVerdict {
    const ticket = this.#known.get(hashOf(bytes));
    if (ticket === undefined) return 'unknown';
    if (ticket.isUsed) return 'used';
    if (ticket.expiresAtMs <= this.#clock.monotonic()) return 'expired';
    ticket.isUsed = true;
    return 'accepted';
  }

  /** Those that ended more than their time ago are forgotten; till then they are told from those that never were. */
  #forgetOld(): void {
    const nowMs = this.#clock.monotonic();
    for (const [hash, { expiresAtMs }] of this.#known) {
      if (expiresAtMs + TICKET_TTL_MS <= nowMs) this.#known.delete(hash);
    }
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
