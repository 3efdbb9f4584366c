/**
 * The frame around every request that a server of records and searches answers (discovery spec 7.3, 7.4, 7.2.8).
 *
 * Fault model: the other side may be silent, slow, half-closed, or send what is no request. Whatever it does, the
 * exchange ends: the first request has a bound, the whole exchange has one, a frame that is too long or malformed costs
 * one strike and the stream (DEF-2, DEF-54), and the error that is answered is the last frame.
 */

import { errorCode } from '@muster/core';
import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, Gate } from '../parts.ts';
import type { FrameStream } from '../overlay/overlay.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import { errorFrame } from '../wire/error-frames.ts';
import type { PeerId, WireErrorCode } from '../wire/messages.ts';

/** Thrown by a server to answer with an error frame. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: WireErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: WireErrorCode, message: string, options: { readonly retryAfterMs?: number } = {}) {
    super(message);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface ExchangeOptions {
  /** Bound of the whole exchange, in milliseconds. */
  readonly totalMs: number;
  readonly behaviour?: Pick<Behaviour, 'strike'> | undefined;
}

/** One exchange, as the server that answers it sees it. */
export class Exchange {
  readonly stream: FrameStream;
  readonly peer: PeerId;
  /** Aborted when the exchange has run out of time or the daemon stops. */
  readonly signal: AbortSignal;
  readonly #context: DiscoveryContext;
  readonly #endsAt: number;

  constructor(context: DiscoveryContext, stream: FrameStream, totalMs: number, signal: AbortSignal) {
    this.#context = context;
    this.stream = stream;
    this.peer = stream.remote.peer;
    this.signal = signal;
    this.#endsAt = context.clock.monotonic() + totalMs;
  }

  /** What is left of the whole bound, in milliseconds, and no more than `ms`. */
  within(ms: number): number {
    return Math.max(1, Math.min(ms, this.#endsAt - this.#context.clock.monotonic()));
  }

  /** The request, in time and of the right shape, or the exchange is over. */
  async request<T>(maxBytes: number, decode: (value: unknown) => T): Promise<T> {
    const value = await this.stream.read({
      maxBytes,
      timeoutMs: this.within(this.#context.constants.firstRequestMs),
      signal: this.signal,
    });
    if (value === undefined) throw new Refusal('bad_request', 'no request came');
    return decode(value);
  }

  /** Writes one frame within the bound. */
  async answer(message: object): Promise<void> {
    const timeoutMs = this.within(this.#context.constants.firstRequestMs);
    await this.stream.write(message, { timeoutMs, signal: this.signal });
  }
}

/** Runs one exchange to its end. Never rejects; the stream is closed or reset when it resolves. */
export async function serveExchange(
  context: DiscoveryContext,
  stream: FrameStream,
  options: ExchangeOptions,
  run: (exchange: Exchange) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const onShutdown = (): void => ending.abort(context.signal.reason);
  context.signal.addEventListener('abort', onShutdown, { once: true });
  const timer = context.timers.after(options.totalMs, () => {
    ending.abort(new Refusal('internal', 'the exchange ran out of time'));
    stream.reset();
  });
  const exchange = new Exchange(context, stream, options.totalMs, ending.signal);
  try {
    refuseUnwelcome(context, exchange.peer);
    await run(exchange);
    await stream.close();
  } catch (error) {
    await end(context, exchange, options, error);
  } finally {
    timer.cancel();
    context.signal.removeEventListener('abort', onShutdown);
  }
}

/** Rejects with a {@link Refusal} when the gate does not know the caller (15.6). */
export async function requireKnown(gate: Gate, peer: PeerId): Promise<void> {
  const decision = await gate.isKnown(peer);
  if (!decision.known) {
    throw new Refusal(
      decision.code,
      decision.code === 'blacklisted' ? 'not welcome here' : 'heartbeat or publish first',
    );
  }
}

/** Counts the action; rejects with a {@link Refusal} over the limit and for banned peers. */
export function requireAllowed(behaviour: Behaviour, peer: PeerId, action: 'publish' | 'get'): void {
  const decision = behaviour.record(peer, action);
  if (!decision.accepted) {
    throw new Refusal(decision.code, `too many requests (${action})`, {
      retryAfterMs: decision.retryAfterMs,
    });
  }
}

function refuseUnwelcome(context: DiscoveryContext, peer: PeerId): void {
  if (context.signal.aborted) throw new Refusal('shutting_down', 'shutting down');
  if (context.peers.findByPeerId(peer)?.relation === RELATIONS.BLACKLIST) {
    throw new Refusal('blacklisted', 'not welcome here');
  }
}

async function end(
  context: DiscoveryContext,
  exchange: Exchange,
  options: ExchangeOptions,
  error: unknown,
): Promise<void> {
  const { stream, peer, signal } = exchange;
  const refusal = refusalOf(error);
  if (refusal === undefined) {
    if (!signal.aborted) context.logger.debug({ peer, protocol: stream.protocol, error }, 'exchange failed');
    stream.reset();
    return;
  }
  const isFrameError = !(error instanceof Refusal);
  if (isFrameError) options.behaviour?.strike(peer, 1, `frame of ${stream.protocol}: ${errorCode(error)}`);
  const { code, message, retryAfterMs } = refusal;
  try {
    await stream.write(errorFrame(code, message, retryAfterMs === undefined ? {} : { retryAfterMs }), {
      timeoutMs: exchange.within(context.constants.firstRequestMs),
    });
  } catch {
    stream.reset();
  }
  await stream.close();
  // DEF-75: only a blacklisted peer loses its connection, and with it its heartbeats.
  if (code === 'blacklisted') await context.overlay.disconnect(peer);
}

/** What is answered to an error: nothing to a peer that is gone or does not answer in time. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  switch (errorCode(error)) {
    case 'FRAME_TOO_LARGE':
      return new Refusal('bad_request', 'the frame is too long');
    case 'FRAME_MALFORMED':
      return new Refusal('bad_request', 'the frame is malformed');
    default:
      return undefined;
  }
}
