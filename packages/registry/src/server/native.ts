import { challenges } from '@muster/core/identity';
import type { OperationMetrics } from '../engine/engine-metrics.ts';
import type { Engine } from '../engine/engine.ts';
import { MAX_NETWORKS_IN_REPLY } from '../model/limits.ts';
import { namesOffset, skipList } from '../model/node-profile.ts';
import { NodeFlag, type NodeTable } from '../model/node-table.ts';
import { MAX_READ_AHEAD, ReadAhead } from '../model/read-ahead.ts';
import { expiredKey, expiryWarning } from '../operations/heartbeat.ts';
import { keyAgeDays } from '../operations/common.ts';
import { shownAddress, shownLanAddresses } from '../model/disclosure.ts';
import {
  BINARY_HEADER_BYTES,
  encodeLookupOk,
  encodeResolveOk,
  LENGTH_BYTES,
  LOOKUP_REQUEST_BYTES,
  OPCODE,
  writeBinaryHeader,
  writeHeartbeatOk,
  writeU16,
  writeU32,
} from '../wire/index.ts';
import type { Breaker } from '../breakers/index.ts';
import type { Session } from './session.ts';

const HEARTBEAT_OK_BYTES = 14;
/** Frame header, node id, flags and the reserved number. */
const LOOKUP_HEAD_BYTES = 5 + 4 + 1 + 4;
const LOOKUP_FRAME_BYTES = BINARY_HEADER_BYTES + LOOKUP_REQUEST_BYTES;
/** For fewer lookups it does not pay. */
const MIN_READ_AHEAD = 4;
const NO_KEY = new Uint8Array(0);
const FRESHNESS_TEXT =
  'binary heartbeat encoding carries no timestamp; use the JSON heartbeat while freshness is enforced';
const BUSY_TEXT = 'registry is busy: too many signatures wait';

/** Frames answered in the present chunk, by operation; counted when it ends. */
interface Tally {
  count: number;
  readonly metrics: OperationMetrics;
  readonly breaker: Breaker;
}

/**
 * The three operations that have frames of their own (spec 2.5): heartbeat, lookup, resolve. They are what a fleet asks
 * all day, so they read the request where it lies and write the answer where it goes out, without an object on
 * the way. Gates are the same as for every other encoding (B-04).
 */
export class NativeOperations {
  readonly #engine: Engine;
  readonly #nodes: NodeTable;
  readonly #heartbeat: Tally;
  readonly #lookup: Tally;
  readonly #resolve: Tally;
  readonly #ahead: ReadAhead;
  readonly #strictDirectory: boolean;
  readonly #strictHeartbeat: boolean;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#nodes = engine.state.nodes;
    this.#ahead = new ReadAhead(engine.state.nodes);
    const { breakers, metrics, policy } = engine.options;
    const resolveBreaker = breakers.get('registry.resolve');
    this.#heartbeat = {
      count: 0,
      metrics: metrics.operation('heartbeat'),
      breaker: breakers.get('registry.heartbeat'),
    };
    this.#lookup = { count: 0, metrics: metrics.operation('lookup'), breaker: resolveBreaker };
    this.#resolve = { count: 0, metrics: metrics.operation('resolve'), breaker: resolveBreaker };
    this.#strictDirectory = policy.strictDirectoryAuth;
    this.#strictHeartbeat = policy.strictHeartbeatFreshness;
  }

  /**
   * Prepares for the lookups that stand at `at` and behind it, if lookups stand there. Answers up to where it has looked: that
   * far it need not be called again.
   */
  readAhead(buffer: Buffer, at: number, end: number): number {
    const count = Math.min(MAX_READ_AHEAD, Math.floor((end - at) / LOOKUP_FRAME_BYTES));
    if (count < MIN_READ_AHEAD || !isLookup(buffer, at) || !isLookup(buffer, at + LOOKUP_FRAME_BYTES))
      return end;
    this.#ahead.read(buffer, at + BINARY_HEADER_BYTES, LOOKUP_FRAME_BYTES, count);
    return at + count * LOOKUP_FRAME_BYTES;
  }

  /** Counts what was answered since the last call, which took `elapsedMs`. */
  countChunk(elapsedMs: number): void {
    const total = this.#heartbeat.count + this.#lookup.count + this.#resolve.count;
    if (total === 0) return;
    for (const tally of [this.#heartbeat, this.#lookup, this.#resolve]) {
      if (tally.count === 0) continue;
      tally.metrics.countMany(tally.count, (elapsedMs * tally.count) / total);
      tally.breaker.allowedTotal += tally.count;
      tally.count = 0;
    }
  }

  /** 0x01: `[u32 node][64 B signature]` at `at`. */
  heartbeat(session: Session, buffer: Buffer, at: number, now: number): void {
    const nodes = this.#nodes;
    const id = buffer.readUInt32BE(at);
    const slot = nodes.liveSlotOf(id);
    if (slot < 0) {
      // The gate comes first, also for nodes that are not there.
      const text = this.#heartbeat.breaker.isOpen ? this.#heartbeatRefusal() : `node ${id}: not found`;
      return this.#refuse(session, this.#heartbeat, text);
    }
    const expiresAt = nodes.expiresAt[slot] as number;
    if (this.#heartbeat.breaker.isOpen || this.#strictHeartbeat || !nodes.has(slot, NodeFlag.hasKey)) {
      return this.#refuse(session, this.#heartbeat, this.#heartbeatRefusal());
    }
    if (!session.proofs.has(slot, now)) return this.#provenHeartbeat(session, buffer, at, id, slot, now);
    if (expiresAt !== 0 && expiresAt <= now) return this.#expired(session, id, expiresAt);
    this.#heartbeat.count++;
    this.#answerHeartbeat(session, slot, now);
  }

  /** 0x02: `[u32 node]` at `at`. */
  lookup(session: Session, buffer: Buffer, at: number): void {
    const id = buffer.readUInt32BE(at);
    const slot = this.#nodes.liveSlotOf(id);
    if (this.#lookup.breaker.isOpen) {
      const denied = this.#lookup.breaker.deny(this.#engine.options.clock.now());
      return this.#refuse(session, this.#lookup, denied);
    }
    if (slot < 0 || (this.#strictDirectory && !this.#nodes.has(slot, NodeFlag.public))) {
      return this.#refuse(session, this.#lookup, `node ${id}: not found`);
    }
    this.#lookup.count++;
    this.#answerLookup(session, slot, id);
  }

  /** 0x03: `[u32 target][u32 requester][64 B signature]` at `at`. */
  resolve(session: Session, buffer: Buffer, at: number, now: number): void {
    const nodes = this.#nodes;
    const target = buffer.readUInt32BE(at);
    const requester = buffer.readUInt32BE(at + 4);
    if (this.#resolve.breaker.isOpen) {
      const denied = this.#resolve.breaker.deny(this.#engine.options.clock.now());
      return this.#refuse(session, this.#resolve, denied);
    }
    const slot = nodes.liveSlotOf(requester);
    if (slot < 0) {
      const text = `resolve denied: requester node ${requester} is not registered`;
      return this.#refuse(session, this.#resolve, text);
    }
    const key = nodes.key(slot);
    if (key === undefined) return this.#refuse(session, this.#resolve, 'requester has no public key');
    const signature = buffer.subarray(at + 8, at + 72);
    this.#verify(session, this.#resolve, slot, challenges.resolve(requester, target), signature, () => {
      session.proofs.add(slot, now);
      this.#answerResolve(session, slot, target, now);
    });
  }

  #heartbeatRefusal(): string {
    const { breaker } = this.#heartbeat;
    if (breaker.isOpen) return breaker.deny(this.#engine.options.clock.now());
    return this.#strictHeartbeat ? FRESHNESS_TEXT : 'node has no public key: binary heartbeat requires key';
  }

  #provenHeartbeat(
    session: Session,
    buffer: Buffer,
    at: number,
    id: number,
    slot: number,
    now: number,
  ): void {
    const signature = buffer.subarray(at + 4, at + 68);
    this.#verify(session, this.#heartbeat, slot, challenges.heartbeat(id), signature, () => {
      session.proofs.add(slot, now);
      const expiresAt = this.#nodes.expiresAt[slot] as number;
      if (expiresAt !== 0 && expiresAt <= now) return this.#expired(session, id, expiresAt);
      this.#answerHeartbeat(session, slot, now);
    });
  }

  /** Checks a signature by the key in `slot`, then goes on with `then`, at once or later. */
  #verify(
    session: Session,
    tally: Tally,
    slot: number,
    challenge: string,
    signature: Uint8Array,
    then: () => void,
  ): void {
    const nodes = this.#nodes;
    const key = nodes.key(slot) as Buffer;
    const version = nodes.keyVersion[slot];
    if (nodes.has(slot, NodeFlag.requiresV2)) {
      return this.#refuse(session, tally, 'signature verification failed');
    }
    const settle = (ok: boolean, isRepeat: boolean): void => {
      if (!ok || nodes.keyVersion[slot] !== version || !nodes.has(slot, NodeFlag.live)) {
        return this.#refuse(session, tally, 'signature verification failed');
      }
      tally.count++;
      this.#engine.replays.note(slot, nodes.idOf(slot), session.source, isRepeat);
      then();
    };
    const { verifier } = this.#engine.options;
    const status = verifier.verifyWith(key, challenge, signature, session, (ok) =>
      session.continueWith(() => settle(ok, false)),
    );
    if (status === 'pending') session.waitForContinuation();
    else if (status === 'overloaded') this.#refuse(session, tally, BUSY_TEXT);
    else settle(status === 'valid', true);
  }

  #answerHeartbeat(session: Session, slot: number, now: number): void {
    const nodes = this.#nodes;
    nodes.lastSeen[slot] = now;
    const expiresAt = nodes.expiresAt[slot] as number;
    const flags = expiresAt !== 0 && expiryWarning(expiresAt, now) ? 1 : 0;
    const out = session.out.reserve(HEARTBEAT_OK_BYTES, this.#barrier(slot));
    writeHeartbeatOk(out, session.out.reservedAt, now, flags);
  }

  #answerLookup(session: Session, slot: number, id: number): void {
    const nodes = this.#nodes;
    const flags = nodes.flags[slot] as number;
    const isPublic = (flags & NodeFlag.public) !== 0;
    nodes.locateProfile(slot);
    const source = nodes.arena.buffer;
    const start = nodes.arena.offset;
    const networks = ((source[start] as number) << 8) | (source[start + 1] as number);
    const isRelayed = isPublic && (flags & NodeFlag.relayOnly) !== 0;
    if (isRelayed || networks > MAX_NETWORKS_IN_REPLY) return this.#answerRareLookup(session, slot, id);
    // The profile begins with what the reply wants, up to the address, which only a public node shows.
    const names = namesOffset(source, start);
    let end = skipList(source, names + 1 + (source[names] as number));
    if (isPublic) end += 2 + (((source[end] as number) << 8) | (source[end + 1] as number));
    const bytes = end - start;
    const total = LOOKUP_HEAD_BYTES + bytes + (isPublic ? 1 : 3);
    const out = session.out.reserve(total, this.#barrier(slot));
    let at = writeBinaryHeader(out, session.out.reservedAt, OPCODE.lookupOk, total - BINARY_HEADER_BYTES);
    at = writeU32(out, at, id);
    out[at++] = (isPublic ? 1 : 0) | ((flags & NodeFlag.taskExec) !== 0 ? 2 : 0);
    at = writeU32(out, at, 0);
    source.copy(out, at, start, end);
    at += bytes;
    if (!isPublic) at = writeU16(out, at, 0);
    out[at] = 0;
  }

  /** A node with more networks than a reply may list, or one that the beacon stands in for. */
  #answerRareLookup(session: Session, slot: number, id: number): void {
    const nodes = this.#nodes;
    const profile = nodes.profile(slot);
    const isPublic = nodes.has(slot, NodeFlag.public);
    const frame = encodeLookupOk({
      nodeId: id,
      public: isPublic,
      taskExec: nodes.has(slot, NodeFlag.taskExec),
      networks: profile.networks,
      publicKey: nodes.key(slot) ?? NO_KEY,
      hostname: profile.hostname,
      tags: profile.tags,
      realAddr: isPublic ? shownAddress(nodes, slot, profile, this.#engine.options.policy.beaconAddress) : '',
      externalId: '',
    });
    const out = session.out.reserve(frame.length, this.#barrier(slot));
    frame.copy(out, session.out.reservedAt);
  }

  /** The event that an answer about this node must wait for; 0 while nothing waits for the disk. */
  #barrier(slot: number): number {
    const { log } = this.#engine.options;
    return log.durableSeq === log.appendedSeq ? 0 : (this.#nodes.changedBy[slot] as number);
  }

  #answerResolve(session: Session, requester: number, target: number, now: number): void {
    const { state, options } = this.#engine;
    const slot = this.#nodes.liveSlotOf(target);
    if (slot < 0) return this.#refuse(session, this.#resolve, `node ${target}: not found`);
    if (!state.mayResolve(requester, slot)) {
      const text = this.#strictDirectory
        ? `node ${target}: not found`
        : `resolve denied: node ${target} is private (establish mutual trust first)`;
      return this.#refuse(session, this.#resolve, text);
    }
    const profile = this.#nodes.profile(slot);
    const age = keyAgeDays(state, slot, now);
    const frame = encodeResolveOk({
      nodeId: target,
      realAddr: shownAddress(this.#nodes, slot, profile, options.policy.beaconAddress),
      lanAddrs: shownLanAddresses(this.#nodes, slot, profile),
      keyAgeDays: age,
    });
    const seq = Math.max(
      this.#nodes.changedBy[slot] as number,
      this.#nodes.changedBy[requester] as number,
      state.trust.changedBy(this.#nodes.idOf(requester), target),
    );
    const out = session.out.reserve(frame.length, seq);
    frame.copy(out, session.out.reservedAt);
  }

  #expired(session: Session, id: number, expiresAt: number): void {
    const refusal = expiredKey(id, expiresAt);
    if (refusal.audit !== undefined)
      this.#engine.options.onAudit(refusal.audit, this.#engine.options.clock.now());
    this.#refuse(session, this.#heartbeat, refusal.text);
  }

  #refuse(session: Session, tally: Tally, text: string): void {
    tally.count++;
    tally.metrics.errors.value += 1;
    session.out.sendError(text);
  }
}

function isLookup(buffer: Buffer, at: number): boolean {
  return buffer[at + LENGTH_BYTES] === OPCODE.lookup;
}
