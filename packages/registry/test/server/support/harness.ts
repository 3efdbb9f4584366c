import { setImmediate as turn } from 'node:timers/promises';
import { MetricsRegistry, silentLogger, type PeerAddress, type StreamSink } from '@muster/core';
import { type challenges, challengeFor, Identity } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { AdmissionControl, type AdmissionLimits } from '../../../src/admission/index.ts';
import {
  AdminTokens,
  DEFAULT_BADGE_KEY_RING,
  DEFAULT_RECOVERY_KEY_RING,
  KeyRing,
  NonceWindow,
  SignatureVerifier,
} from '../../../src/auth/index.ts';
import { BreakerSet } from '../../../src/breakers/index.ts';
import { EngineMetrics } from '../../../src/engine/engine-metrics.ts';
import { Engine, type EventLog } from '../../../src/engine/engine.ts';
import { Directory } from '../../../src/model/directory.ts';
import type { RegistryEvent } from '../../../src/model/events.ts';
import { defaultPolicy, type RegistryPolicy } from '../../../src/operations/policy.ts';
import { type ConnectionLimits, defaultConnectionLimits } from '../../../src/server/limits.ts';
import { SessionHost } from '../../../src/server/session-host.ts';
import type { Session } from '../../../src/server/session.ts';
import { runSlices } from '../../../src/service/slices.ts';
import {
  decodeErrorPayload,
  binaryFrame,
  jsonFrame,
  OPCODE,
  PREAMBLE,
  readU32At,
} from '../../../src/wire/index.ts';

export const ADMIN_TOKEN = 'test-admin-token';
export type Json = Record<string, unknown>;
export type ChallengeName = keyof typeof challenges;

/** Waits for a condition, one turn of the event loop at a time; throws when it does not come true within `boundMs`. */
export async function until(condition: () => boolean, what: string, boundMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + boundMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`gave up waiting until ${what}`);
    await turn();
  }
}

/** Lets everything run that is ready to run: a few turns of the event loop. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** A log whose disk is as fast as the test says. */
export class ControlledLog implements EventLog {
  appendedSeq = 0;
  durableSeq = 0;
  congested = false;
  /** Whether an append is durable at once. */
  immediate: boolean;
  /** Called when more has become durable. */
  onDurable: (seq: number) => void = () => {};

  constructor(immediate: boolean) {
    this.immediate = immediate;
  }

  append(entries: readonly unknown[]): number {
    this.appendedSeq += entries.length;
    if (this.immediate) this.durableSeq = this.appendedSeq;
    return this.appendedSeq;
  }

  /** Makes everything up to `seq` durable. */
  sync(seq = this.appendedSeq): void {
    if (seq <= this.durableSeq) return;
    this.durableSeq = seq;
    this.onDurable(seq);
  }
}

/** The client's end of a connection without sockets: what the session writes, and what the peer takes of it. */
export class Peer implements StreamSink {
  session!: Session;
  paused = false;
  pauses = 0;
  ended = false;
  destroyed = false;
  /** What is written to a peer that does not read stays here; one that reads takes it at once. */
  reads = true;
  bufferedBytes = 0;
  highestBufferedBytes = 0;
  /** Calls of `write`. */
  writes = 0;
  binary: boolean;
  /** Closes its side as soon as the server has ended. */
  closesOnEnd = true;
  readonly #taken: Buffer[] = [];

  constructor(binary: boolean) {
    this.binary = binary;
  }

  write(data: Uint8Array): void {
    if (this.ended || this.destroyed) return;
    this.writes++;
    this.#taken.push(Buffer.from(data));
    if (this.reads) return;
    this.bufferedBytes += data.length;
    this.highestBufferedBytes = Math.max(this.highestBufferedBytes, this.bufferedBytes);
  }

  pause(): void {
    this.paused = true;
    this.pauses++;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    if (this.closesOnEnd) queueMicrotask(() => this.session.close());
  }

  destroy(): void {
    this.destroyed = true;
    queueMicrotask(() => this.session.close());
  }

  /** Whether the connection has ended, in one way or the other. */
  get isOver(): boolean {
    return this.ended || this.destroyed;
  }

  /** The peer takes `bytes` of what waits for it. */
  take(bytes = this.bufferedBytes): void {
    this.bufferedBytes -= Math.min(bytes, this.bufferedBytes);
    if (this.bufferedBytes === 0) this.session.drained();
  }

  /** Bytes arrive at the server, in the chunks given; the buffer is overwritten afterwards, as a shared one would be. */
  send(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      const shared = Buffer.alloc(chunk.length + 7, 0xee);
      shared.set(chunk, 3);
      this.session.receive(shared, 3, 3 + chunk.length);
      shared.fill(0xdd);
    }
  }

  /** Sends a JSON message in the framing of the connection. */
  ask(message: Json): void {
    this.send(this.frame(message));
  }

  frame(message: Json): Buffer {
    const body = Buffer.from(JSON.stringify(message));
    return this.binary ? binaryFrame(OPCODE.jsonPassthrough, body) : jsonFrame(body);
  }

  /** Everything that was written, as it would be seen on the wire. */
  get bytes(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** The complete frames that were written, without their lengths. */
  get frames(): readonly Buffer[] {
    const { bytes } = this;
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= bytes.length;) {
      const end = at + 4 + readU32At(bytes, at);
      if (end > bytes.length) break;
      frames.push(bytes.subarray(at + 4, end));
      at = end;
    }
    return frames;
  }

  /** The answers in readable form: JSON objects, texts of error frames, or `<opcode in hex>:<payload in hex>`. */
  get answers(): readonly (Json | string)[] {
    return this.frames.map((frame) => {
      if (!this.binary) return JSON.parse(frame.toString()) as Json;
      const payload = frame.subarray(1);
      if (frame[0] === OPCODE.jsonPassthrough) return JSON.parse(payload.toString()) as Json;
      if (frame[0] === OPCODE.error) return `error: ${decodeErrorPayload(payload)}`;
      return `${(frame[0] as number).toString(16)}:${payload.toString('hex')}`;
    });
  }

  /** Resolves with the answers when there are `count` of them; fails when there are more. */
  async receives(count: number): Promise<readonly (Json | string)[]> {
    await until(() => this.frames.length >= count, `${count} answers have come`);
    if (this.frames.length > count) throw new Error(`${this.frames.length} answers instead of ${count}`);
    return this.answers;
  }
}

export interface BenchOptions {
  readonly limits?: Partial<ConnectionLimits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly limitLoopback?: boolean;
  readonly policy?: Partial<RegistryPolicy>;
  /** Whether the disk is instant. @default true */
  readonly instantDisk?: boolean;
  readonly maxQueuedVerifications?: number;
  readonly standby?: boolean;
}

/** A server without sockets, disk and real time. */
export class Bench {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  readonly log: ControlledLog;
  readonly engine: Engine;
  readonly host: SessionHost;
  readonly verifier: SignatureVerifier;
  readonly breakers = new BreakerSet();
  readonly metrics = new MetricsRegistry();
  readonly admission: AdmissionControl;
  #port = 40_000;

  constructor(options: BenchOptions = {}) {
    this.log = new ControlledLog(options.instantDisk ?? true);
    this.verifier = new SignatureVerifier(this.random, {
      maxCachedVerifications: 1024,
      maxCachedKeys: 64,
      maxQueuedVerifications: options.maxQueuedVerifications ?? 1024,
    });
    this.admission = new AdmissionControl({
      startMs: this.clock.monotonic(),
      hashSeed: 1,
      limitLoopback: options.limitLoopback ?? false,
      limits: { startupThrottleMs: 0, ...options.admission },
    });
    const nothing = async (): Promise<never> => Promise.reject(new Error('there is nothing outside'));
    this.engine = new Engine({
      state: new Directory(this.random, { maxNodes: 300, maxTombstones: 100 }),
      log: this.log,
      clock: this.clock,
      random: this.random,
      policy: { ...defaultPolicy, ...options.policy },
      verifier: this.verifier,
      nonces: new NonceWindow({ startedAtSeconds: Math.floor(this.clock.now() / 1000) - 3600 }),
      admins: new AdminTokens([], ADMIN_TOKEN, this.random),
      breakers: this.breakers,
      badgeKeys: KeyRing.parse(DEFAULT_BADGE_KEY_RING),
      recoveryKeys: KeyRing.parse(DEFAULT_RECOVERY_KEY_RING),
      outbound: { verifyIdentityToken: nothing, validateToken: nothing },
      metrics: new EngineMetrics(this.metrics),
      logger: silentLogger,
      slice: (steps) => runSlices(steps, this.clock, this.clock),
      standby: options.standby ?? false,
      onAudit: () => {},
      onBroken: (error) => {
        throw error;
      },
    });
    this.engine.lists.start(0);
    this.host = new SessionHost({
      engine: this.engine,
      admission: this.admission,
      limits: { ...defaultConnectionLimits, ...options.limits },
      clock: this.clock,
      timers: this.clock,
    });
    this.log.onDurable = (seq) => this.host.durable(seq);
  }

  get now(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  /** Opens a connection; a binary one has sent its preamble. */
  connect(mode: 'json' | 'binary' = 'json', source: Partial<PeerAddress> = {}): Peer {
    const peer = this.tryConnect(mode, source);
    if (peer === undefined) throw new Error('the connection was refused');
    return peer;
  }

  tryConnect(mode: 'json' | 'binary' = 'json', source: Partial<PeerAddress> = {}): Peer | undefined {
    const peer = new Peer(mode === 'binary');
    const session = this.host.accept(peer, { address: '127.0.0.1', port: this.#port++, ...source });
    if (session === undefined) return undefined;
    peer.session = session;
    if (mode === 'binary') peer.send(PREAMBLE);
    return peer;
  }

  /** Puts events into the directory as if they had been asked for. */
  commit(...events: readonly RegistryEvent[]): void {
    this.engine.commit(events);
  }

  /** A live node with this key (none when undefined). */
  addNode(id: number, identity: Identity | undefined, fields: Partial<RegistryEvent> & Json = {}): void {
    this.commit({
      type: 'node.registered',
      id,
      key: identity?.publicKeyBase64 ?? '',
      at: this.now,
      realAddr: `198.51.100.7:${4000 + (id % 1000)}`,
      ...fields,
    } as RegistryEvent);
    const { nodes } = this.engine.state;
    nodes.lastSeen[nodes.liveSlotOf(id)] = this.now;
  }

  /** Resolves when no signature is being checked. */
  async verifierIdle(): Promise<void> {
    await until(
      () => this.verifier.running === 0 && this.verifier.queued === 0,
      'the signatures are checked',
    );
    await turns(2);
  }

  /** Time passes, in steps of the wheel's ticks. */
  advance(byMs: number): void {
    const step = this.host.deadlines.tickMs;
    for (let left = byMs; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      this.host.tick();
    }
  }
}

/** The identity whose seed is `number` in the last byte. */
export function identity(number: number): Identity {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(28, number + 1);
  return Identity.fromSeed(seed);
}

/** A message with the signature that it needs. */
export function signed(key: Identity, message: Json): Json {
  const text = challengeFor(String(message['type']), message);
  if (text === undefined) throw new Error(`${String(message['type'])} is not signed`);
  return { ...message, signature: key.sign(text) };
}

/** A signed registration. */
export function registration(key: Identity, fields: Json = {}): Json {
  return signed(key, {
    type: 'register',
    public_key: key.publicKeyBase64,
    listen_addr: '198.51.100.7:4000',
    ...fields,
  });
}
