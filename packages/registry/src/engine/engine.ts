import { type Clock, type Logger, MusterError, type Random } from '@muster/core';
import type { AdminTokens, KeyRing, SignatureVerifier } from '../auth/index.ts';
import type { Breaker, BreakerSet } from '../breakers/index.ts';
import { applyEvent } from '../model/apply.ts';
import type { Directory } from '../model/directory.ts';
import { encodeEvent, type RegistryEvent } from '../model/events.ts';
import { ListCache, type Slicer } from '../model/list-cache.ts';
import { type AuditNote, legacyOperations, operations, Refusal } from '../operations/index.ts';
import { readFields } from '../operations/fields.ts';
import { type Call, type Decision, ListReply, type Operation, type Proof } from '../operations/operation.ts';
import type { RegistryPolicy } from '../operations/policy.ts';
import { encodeMessage, type Message, quote, RawJson, readText, toClientText } from '../wire/index.ts';
import { AdminCheck } from './admin-check.ts';
import type { Caller } from './caller.ts';
import { DemandMeter } from './demands.ts';
import type { EngineMetrics, OperationMetrics } from './engine-metrics.ts';
import type { NonceWindow } from '../auth/index.ts';
import type { OutboundChecks } from './outbound-checks.ts';
import { ReplayWatch } from './replay-watch.ts';

/** What the engine needs of the log. */
export interface EventLog {
  readonly appendedSeq: number;
  readonly durableSeq: number;
  /** Too much waits for the disk: writes are refused until it has caught up. */
  readonly congested: boolean;
  append(entries: readonly { readonly type: number; readonly payload: Uint8Array }[]): number;
}

export interface EngineOptions {
  readonly state: Directory;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RegistryPolicy;
  readonly verifier: SignatureVerifier;
  readonly nonces: NonceWindow;
  readonly admins: AdminTokens;
  readonly breakers: BreakerSet;
  readonly badgeKeys: KeyRing;
  readonly recoveryKeys: KeyRing;
  readonly outbound: OutboundChecks;
  readonly metrics: EngineMetrics;
  readonly logger: Logger;
  /** Runs long work in slices. */
  readonly slice: Slicer;
  /** Standby servers answer only what changes nothing (spec 3.1). @default false */
  readonly standby?: boolean;
  /** Called for each audit entry. */
  readonly onAudit: (note: AuditNote, atMs: number) => void;
  /** Called after events have been applied. */
  readonly onEvents?: (events: readonly RegistryEvent[], lastSeq: number) => void;
  /** Called when applying an event failed: state and log may differ, the process must stop. */
  readonly onBroken: (error: unknown) => void;
}

/** An answer, to be sent once everything up to `seq` is durable. */
export interface Outcome {
  readonly body: Buffer | ListReply;
  readonly seq: number;
}

interface Row {
  readonly operation: Operation;
  readonly breaker: Breaker | undefined;
  readonly metrics: OperationMetrics;
}

/**
 * The one way through which requests reach the directory, whatever their encoding (B-04): standby gate, type,
 * breaker, demands, decision, log, state, answer (spec 3).
 *
 * Fault model: a handler that throws answers with an error and changes nothing, because decisions are pure and
 * state changes only after the log has taken the events. A log that refuses (congestion, a record too large)
 * refuses the request. An event that can't be applied stops the process: memory and log would differ.
 */
export class Engine {
  readonly state: Directory;
  readonly lists: ListCache;
  readonly options: EngineOptions;
  readonly replays: ReplayWatch;
  readonly #rows = new Map<string, Row>();
  readonly #demands: DemandMeter;

  constructor(options: EngineOptions) {
    this.options = options;
    this.state = options.state;
    this.lists = new ListCache(options.state, () => options.policy.beaconAddress);
    const { random, metrics, logger } = options;
    this.replays = new ReplayWatch(options.state.nodes.capacity, random, metrics.suspectedReplays, logger);
    const rows = options.policy.legacyMessages ? [...operations, ...legacyOperations] : operations;
    for (const operation of rows) {
      this.#rows.set(operation.type, {
        operation,
        breaker: operation.breaker === undefined ? undefined : options.breakers.get(operation.breaker),
        metrics: options.metrics.operation(operation.type),
      });
    }
    this.#demands = new DemandMeter(this);
    // Their holders may have renewed them just before the end of the process that granted them.
    if (!this.isStandby) this.state.leases.renewAll(options.clock.monotonic());
  }

  /** Whether this server is a standby. */
  get isStandby(): boolean {
    return this.options.standby === true;
  }

  /** Requests answered since the start. */
  get requestsTotal(): number {
    let total = this.options.metrics.unknown.requests.value;
    for (const { metrics } of this.#rows.values()) total += metrics.requests.value;
    return total;
  }

  /**
   * Answers one message. Never throws; a promise only when something must be waited for. The answer may be sent once
   * `seq` is durable.
   */
  execute(message: Message, caller: Caller): Outcome | Promise<Outcome> {
    const { clock } = this.options;
    const startedMs = clock.monotonic();
    const type = readText(message, 'type');
    const row = this.#rows.get(type);
    const metrics = row?.metrics ?? this.options.metrics.unknown;
    try {
      const outcome = this.#dispatch(type, row, message, caller);
      if (!(outcome instanceof Promise)) {
        metrics.count(clock.monotonic() - startedMs);
        return outcome;
      }
      return outcome.then(
        (settled) => {
          metrics.count(clock.monotonic() - startedMs);
          return settled;
        },
        (error: unknown) => this.#failed(type, metrics, startedMs, error),
      );
    } catch (error) {
      return this.#failed(type, metrics, startedMs, error);
    }
  }

  /**
   * Logs and applies events that no request asked for (reaping). Answers the sequence number of the last one.
   *
   * @throws the log's coded errors; nothing has changed then.
   */
  commit(events: readonly RegistryEvent[]): number {
    const { log } = this.options;
    const seq = log.append(events.map(encodeEvent));
    try {
      for (const [i, event] of events.entries()) {
        const eventSeq = seq - events.length + 1 + i;
        applyEvent(this.state, event, eventSeq);
        this.lists.noteEvent(event, eventSeq);
      }
    } catch (error) {
      this.options.onBroken(error);
      throw error;
    }
    this.options.onEvents?.(events, seq);
    return seq;
  }

  /** A body with an error, under the hiding rule of spec 7.12. */
  static errorBody(refusal: Refusal): Buffer {
    return encodeMessage({
      type: 'error',
      error: toClientText(refusal.text),
      code: refusal.code,
      ...(refusal.retryAfterMs === undefined ? {} : { retry_after_ms: refusal.retryAfterMs }),
    });
  }

  #dispatch(
    type: string,
    row: Row | undefined,
    message: Message,
    caller: Caller,
  ): Outcome | Promise<Outcome> {
    if (this.isStandby && row?.operation.standby !== true) {
      throw new Refusal('standby', 'standby mode: write operations not accepted (use primary)');
    }
    if (row === undefined) throw new Refusal('unknown_type', `unknown message type: ${quote(type)}`);
    const { operation, breaker } = row;
    if (breaker !== undefined) {
      if (breaker.isOpen) throw new Refusal('breaker_open', breaker.deny(this.options.clock.now()));
      breaker.allowedTotal += 1;
    }
    if (operation.emits.length > 0 && this.options.log.congested) {
      this.options.metrics.walFull.add();
      throw new Refusal('overloaded', 'registry is busy: too many writes wait for the disk', {
        retryAfterMs: 1000,
      });
    }
    const call = this.#callOf(operation, message, caller);
    const demands = operation.demands?.(call) ?? [];
    if (demands.length === 0) return this.#finish(operation, call, caller, { signed: false });
    const met = this.#demands.meet(operation, demands, call, caller);
    if (!(met instanceof Promise)) return this.#finish(operation, call, caller, met);
    return met.then((proof) => {
      // Time has passed: decide on the state and at the time of now.
      return this.#finish(
        operation,
        { ...call, now: this.#now(), appliedSeq: this.options.log.appendedSeq },
        caller,
        proof,
      );
    });
  }

  #now(): number {
    return Math.floor(this.options.clock.now() / 1000);
  }

  #callOf(operation: Operation, message: Message, caller: Caller): Call {
    const { options } = this;
    const now = this.#now();
    const admin = new AdminCheck(options.admins, message, caller);
    return {
      request: readFields(operation.fields, message),
      message,
      state: this.state,
      now,
      source: caller.source,
      policy: options.policy,
      random: options.random,
      lists: this.lists,
      badgeKeys: options.badgeKeys,
      recoveryKeys: options.recoveryKeys,
      appliedSeq: options.log.appendedSeq,
      proven: (nodeId) => {
        const slot = this.state.nodes.liveSlotOf(nodeId);
        return slot >= 0 && caller.proofs.has(slot, this.#now());
      },
      isAdmin: (scope) => admin.permits(scope),
      adminName: () => admin.name,
      admitNewKey: () => caller.admitNewKey(),
      monotonicMs: () => options.clock.monotonic(),
    };
  }

  #finish(
    operation: Operation,
    call: Call,
    caller: Caller,
    proof: Proof & { readonly events?: readonly RegistryEvent[] },
  ): Outcome {
    const decision = operation.decide(call, proof);
    // A standby notes nothing, not even that a key has used version 2 signatures: it would part from its primary.
    const noted = this.isStandby ? [] : (proof.events ?? []);
    const events = [...(decision.events ?? []), ...noted];
    const seq = events.length === 0 ? (decision.reads ?? this.options.log.appendedSeq) : this.commit(events);
    if (decision.seen !== undefined) this.#seen(decision.seen, proof.signed, caller, call.now);
    if (decision.renews !== undefined) {
      this.state.leases.renew(decision.renews, this.options.clock.monotonic());
    }
    for (const note of decision.audit ?? []) this.options.onAudit(note, this.options.clock.now());
    return { body: bodyOf(operation.type, decision), seq };
  }

  /** A sign of life; a signature on it proves the node to the connection (a registration's could not do so before). */
  #seen(nodeId: number, signed: boolean, caller: Caller, now: number): void {
    const slot = this.state.nodes.liveSlotOf(nodeId);
    if (slot < 0) return;
    this.state.nodes.lastSeen[slot] = now;
    if (signed) caller.proofs.add(slot, now);
  }

  #failed(type: string, metrics: OperationMetrics, startedMs: number, error: unknown): Outcome {
    metrics.count(this.options.clock.monotonic() - startedMs);
    metrics.errors.add();
    const refusal = this.#refusalOf(type, error);
    if (refusal.audit !== undefined) this.options.onAudit(refusal.audit, this.options.clock.now());
    return { body: Engine.errorBody(refusal), seq: this.options.log.appendedSeq };
  }

  #refusalOf(type: string, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    if (error instanceof MusterError && error.code === 'overloaded') {
      return new Refusal('overloaded', 'registry is busy: too many signatures wait', { retryAfterMs: 500 });
    }
    if (error instanceof MusterError && error.code === 'LOG_RECORD_TOO_LARGE') {
      return new Refusal('invalid_request', 'invalid request: too large to be stored');
    }
    this.options.metrics.recoveredPanics.add();
    this.options.logger.error({ type, error }, 'a request handler failed');
    const reason = error instanceof Error ? error.message : String(error);
    return new Refusal('internal', `registry handler panic recovered: type=${type} panic=${reason}`);
  }
}

function bodyOf(type: string, decision: Decision): Buffer | ListReply {
  const { reply } = decision;
  if (reply instanceof ListReply) return reply;
  if (reply instanceof RawJson) return Buffer.from(reply.content);
  return encodeMessage({ ...reply, type: `${type}_ok` });
}
