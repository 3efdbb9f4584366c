/**
 * What one heartbeat does (discovery spec 12.2). Fault model: the sender is authenticated and nothing else; it may pose
 * as another, send others' records, forge, flood, or be one of thousands.
 */

import type { ConnectionGuard } from '../behaviour/connection-guard.ts';
import { STRIKES } from '../behaviour/behaviour-tracker.ts';
import type { DiscoveryContext } from '../context.ts';
import type { RemotePeer } from '../overlay/overlay.ts';
import type { NodeRecord, VerifiedRecord } from '../parts.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import { usableAddresses } from '../wire/addresses.ts';
import { errorFrame } from '../wire/error-frames.ts';
import type {
  AddrInfo,
  ErrorFrame,
  Heartbeat,
  HeartbeatResponse,
  PeerId,
  WireErrorCode,
} from '../wire/messages.ts';
import { PROTOCOLS } from '../wire/protocols.ts';
import { type Admission, decideAdmission } from './admission.ts';
import type { LiveNodeTable } from './node-table.ts';
import type { IndexerParts } from './parts.ts';
import type { ProbeSchedule } from './probe-schedule.ts';
import type { Responder } from './responder.ts';

/** A refusal as it goes out: an error frame, with what the protocol adds to it. */
export type Refusal = ErrorFrame & Partial<HeartbeatResponse>;

export type HeartbeatVerdict =
  /** The sender is served: the answer, and what follows when it is written. */
  | {
      readonly kind: 'served';
      readonly response: HeartbeatResponse;
      readonly record: NodeRecord;
      /** The record that this heartbeat carried. */
      readonly verified: VerifiedRecord | undefined;
    }
  | { readonly kind: 'probe'; readonly response: HeartbeatResponse }
  /** Refused; the stream stays open for the next try. */
  | { readonly kind: 'not-yet'; readonly refusal: Refusal }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

type RecordPart =
  | { readonly verified: VerifiedRecord | undefined }
  | { readonly code: WireErrorCode; readonly message: string };

export interface HandlerParts extends IndexerParts {
  readonly table: LiveNodeTable;
  readonly guard: ConnectionGuard;
  readonly probes: ProbeSchedule;
  readonly responder: Responder;
  /** Whether the guard does not apply to the peer: a seed, or of the pool. */
  readonly isExempt: (peer: PeerId) => boolean;
}

export class HeartbeatHandler {
  readonly #context: DiscoveryContext;
  readonly #parts: HandlerParts;

  constructor(context: DiscoveryContext, parts: HandlerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Takes one heartbeat of an authenticated peer. Waits only for the look-up of a DHT challenge. */
  async handle(remote: RemotePeer, heartbeat: Heartbeat): Promise<HeartbeatVerdict> {
    const { behaviour, responder } = this.#parts;
    const { peer } = remote;
    if (heartbeat.peer_id !== peer) {
      behaviour.strike(peer, STRIKES.foreignPeerId, 'heartbeat with a foreign peer id');
      return refused(heartbeat, 'identity_mismatch', 'peer_id is not the id of this connection');
    }
    const rate = behaviour.record(peer, 'heartbeat');
    if (!rate.accepted) {
      return refused(heartbeat, rate.code, 'too many heartbeats', { retryAfterMs: rate.retryAfterMs });
    }
    if (heartbeat.probe === true) return { kind: 'probe', response: responder.minimal(heartbeat.seq) };
    const refusal = this.#refuseNewcomer(heartbeat);
    if (refusal !== undefined) return refusal;
    const admission = this.#admission(peer);
    if (!admission.admitted) return this.#lowScore(heartbeat, admission);
    return await this.#serve(remote, heartbeat, admission.raw);
  }

  /** Burst guard and capacity: for peers without a record only, so that a full indexer keeps its nodes (F:14). */
  #refuseNewcomer(heartbeat: Heartbeat): HeartbeatVerdict | undefined {
    const { table, guard, responder, isExempt } = this.#parts;
    const peer = heartbeat.peer_id;
    if (table.has(peer)) return undefined;
    if (!isExempt(peer) && !guard.take(peer, this.#context.clock.monotonic())) {
      this.#context.events.publish('guard.refused', { peer });
      return refused(heartbeat, 'rate_limited', 'too many new peers', { retryAfterMs: guard.windowMs });
    }
    if (!table.isFull) return undefined;
    const suggestions = responder.alternatives(peer, heartbeat.need ?? 0);
    const refusal = { ...responder.minimal(heartbeat.seq), ...errorFrame('full', 'no slot is free') };
    return {
      kind: 'refused',
      refusal: suggestions.length > 0 ? { ...refusal, suggestions } : refusal,
    };
  }

  #lowScore(heartbeat: Heartbeat, { score, minimum }: Admission): HeartbeatVerdict {
    const extra = { retryAfterMs: this.#context.constants.tickMs, score, minScore: minimum };
    const message = `${score.toFixed(1)} < ${minimum.toFixed(1)}`;
    return { kind: 'not-yet', refusal: refusalOf(heartbeat, 'low_score', message, extra) };
  }

  #admission(peer: PeerId): Admission {
    const { clock, settings, constants } = this.#context;
    const { table, probes, responder } = this.#parts;
    const now = clock.monotonic();
    const tracker = table.get(peer)?.tracker;
    const measured = probes.measurement(peer);
    const metrics = {
      uptime: tracker?.ratio(now) ?? 0,
      bandwidth: measured.bandwidthScore,
      latency: measured.latencyScore,
      diversity: responder.diversity(),
      fillRate: table.fillRate,
    };
    return decideAdmission(settings.admissionMode, metrics, tracker?.ageMs(now) ?? 0, constants);
  }

  async #serve(remote: RemotePeer, heartbeat: Heartbeat, lastScore: number): Promise<HeartbeatVerdict> {
    const { table, guard, responder } = this.#parts;
    const { peer } = remote;
    const localScore = heartbeat.local_score;
    const { record, isNew } = table.upsert(peer, {
      lastScore,
      localScore: localScore === undefined ? undefined : Math.min(100, Math.max(0, localScore)),
      isIndexer: heartbeat.record === undefined,
    });
    guard.noteSeen(peer, this.#context.clock.monotonic());
    if (isNew) this.#context.events.publish('record.added', { peer });
    const part = this.#verify(peer, heartbeat.record);
    if ('code' in part) return refused(heartbeat, part.code, part.message);
    const { verified } = part;
    if (verified !== undefined) {
      record.verified = verified;
      record.did = verified.record.did;
    }
    record.addresses = this.#addressesOf(remote, record);
    this.#noteReferent(heartbeat, verified);
    this.#helpBootstrap(record);
    const response = await responder.answer(heartbeat);
    return { kind: 'served', response, record, verified };
  }

  /** 12.2.8. */
  #verify(peer: PeerId, value: unknown): RecordPart {
    if (value === undefined || value === null) return { verified: undefined };
    const { crypto, clock, constants, settings, logger } = this.#context;
    const { behaviour } = this.#parts;
    const options = { crypto, constants, now: clock.now(), didMode: settings.didMode };
    const result = verifyPeerRecord(value, options);
    if (!result.ok) {
      switch (result.reason) {
        case 'bad_signature':
          behaviour.strike(peer, STRIKES.badSignature, 'bad signature of a record in a heartbeat');
          return { code: 'bad_signature', message: result.message };
        case 'malformed':
          behaviour.strike(peer, STRIKES.badFrame, 'malformed record in a heartbeat');
          return { code: 'bad_request', message: result.message };
        case 'identity':
          return { code: 'identity_mismatch', message: result.message };
        default:
          // A wrong clock doesn't make the sender less alive; its record is just of no use.
          logger.debug({ peer, reason: result.message }, 'the record of a heartbeat has expired');
          return { verified: undefined };
      }
    }
    const { record } = result.verified;
    if (record.peer_id !== peer) {
      behaviour.strike(peer, STRIKES.relayedRecord, 'record of another peer in a heartbeat');
      return { code: 'identity_mismatch', message: 'the record is of another peer' };
    }
    if (!behaviour.checkIdentity(peer, record.did)) {
      return { code: 'identity_mismatch', message: 'the DID contradicts an earlier one' };
    }
    return { verified: result.verified };
  }

  /** 12.3.2: verified records only (F:58). */
  #noteReferent(heartbeat: Heartbeat, verified: VerifiedRecord | undefined): void {
    const { referenced } = this.#parts;
    const peer = heartbeat.peer_id;
    if (heartbeat.referent !== true) return referenced.delete(peer);
    if (verified === undefined) return;
    const { record } = verified;
    referenced.set(peer, { peer_id: peer, did: record.did, name: record.name, record });
  }

  /** Where the node can be reached, best first: as its record says, as we know it as an indexer, as we see it. */
  #addressesOf(remote: RemotePeer, record: NodeRecord): readonly string[] {
    const { pool, suggestions } = this.#parts;
    const { peer } = remote;
    const addresses: string[] = [];
    if (record.verified !== undefined) addresses.push(record.verified.record.stream_address);
    if (record.isIndexer) {
      addresses.push(...(pool.entry(peer)?.addresses ?? []));
      if (suggestions.has(peer)) {
        addresses.push(...(suggestions.list().find(({ ID }) => ID === peer)?.Addrs ?? []));
      }
    }
    // The port that an inbound connection comes from is of use only while there is nothing better.
    if (remote.direction === 'outbound' || addresses.every((address) => address === '')) {
      addresses.push(remote.address);
    }
    return usableAddresses(addresses, this.#context.settings);
  }

  /** 12.3.9: an indexer without indexers takes one that comes to it. */
  #helpBootstrap(record: NodeRecord): void {
    const { pool } = this.#parts;
    if (pool.size > 0) return;
    const protocols = this.#context.overlay.protocols(record.peer);
    if (protocols?.includes(PROTOCOLS.heartbeat) !== true) return;
    const candidate: AddrInfo = { ID: record.peer, Addrs: record.addresses };
    pool.consider(candidate, 'heartbeat');
  }
}

function refused(
  heartbeat: Heartbeat,
  code: WireErrorCode,
  message: string,
  extra: Parameters<typeof errorFrame>[2] = {},
): HeartbeatVerdict {
  return { kind: 'refused', refusal: refusalOf(heartbeat, code, message, extra) };
}

function refusalOf(
  heartbeat: Heartbeat,
  code: WireErrorCode,
  message: string,
  extra: Parameters<typeof errorFrame>[2],
): Refusal {
  const frame = errorFrame(code, message, extra);
  return heartbeat.seq === undefined ? frame : { ...frame, seq: heartbeat.seq };
}
