/**
 * What must hold after every step, whatever the network and the liars do. A breach ends the run with the time, the
 * members and the rule; the seed replays it.
 */

import { type Heartbeat, type PeerId, PROTOCOLS } from '@muster/discovery';
import type { EventOwner } from '../../kernel/index.ts';
import type { TappedFrame } from '../../network/index.ts';
import type { Fleet, FleetEvent } from '../fleet.ts';
import type { Member } from '../member.ts';

/** A rule that was broken. */
export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
  readonly rule: string;

  constructor(rule: string, atMs: number, what: string) {
    super(`${rule}, at ${(atMs / 1000).toFixed(3)} s: ${what}`);
    this.rule = rule;
  }
}

/** Put into users' names by scenarios; it must never be seen on the network. */
export const PRIVATE_MARK = 'private-8f1c';

/** Clocks of sender and checker are the same; timers may fire a rounding early. */
const ROUNDING_MS = 1;
const MINUTE_MS = 60_000;

export interface SafetyOptions {
  /** Peers whose strikes are deserved, besides liars. */
  readonly mayBeStruck?: (peer: PeerId) => boolean;
}

export class SafetyChecker {
  readonly #fleet: Fleet;
  readonly #options: SafetyOptions;
  readonly #sent = new Map<string, number[]>();
  readonly #byProcess = new Map<EventOwner, Member>();
  readonly #blacklisted = new Map<string, number>();
  #violation: SafetyViolation | undefined;
  /** Frames and steps that were looked at, so that a test can tell that the checker was there. */
  checked = 0;

  /** Watches a fleet from now on. */
  static watch(fleet: Fleet, options: SafetyOptions = {}): SafetyChecker {
    return new SafetyChecker(fleet, options);
  }

  private constructor(fleet: Fleet, options: SafetyOptions) {
    this.#fleet = fleet;
    this.#options = options;
    fleet.network.tap((frame) => this.#onFrame(frame));
    fleet.onEvent((member, event) => this.#onEvent(member, event));
    fleet.sim.afterStep((owner) => this.#afterStep(owner));
  }

  #broken(rule: string, what: string): void {
    this.#violation ??= new SafetyViolation(rule, this.#fleet.sim.now, what);
  }

  #afterStep(owner: EventOwner | undefined): void {
    if (this.#violation !== undefined) throw this.#violation;
    if (owner === undefined) return;
    const member = this.#memberOf(owner);
    if (member === undefined || !member.isHonest) return;
    this.#checkPool(member);
    if (this.#violation !== undefined) throw this.#violation;
  }

  #memberOf(owner: EventOwner): Member | undefined {
    const known = this.#byProcess.get(owner);
    if (known !== undefined) return known;
    const member = this.#fleet.members.find((each) => each.isRunning && each.process === owner);
    if (member !== undefined) this.#byProcess.set(owner, member);
    return member;
  }

  #checkPool(member: Member): void {
    this.checked += 1;
    const { pool, indexer } = member.daemon;
    // Seeds are taken over the cap, and one more while a migration is pending (14).
    const seeds = member.spec.seeds?.().length ?? 0;
    if (pool.size > pool.maxSize + Math.max(1, seeds))
      this.#broken('pool bound', `${member.name} has ${pool.size} indexers, the bound is ${pool.maxSize}`);
    if (pool.has(member.peer)) this.#broken('never self', `${member.name} is in its own pool`);
    if (indexer === undefined) return;
    const { table } = indexer.agent;
    if (table.size > table.maxNodes)
      this.#broken(
        'node table bound',
        `${member.name} has ${table.size} nodes, the bound is ${table.maxNodes}`,
      );
    if (indexer.referenced.size > table.maxNodes)
      this.#broken('referenced bound', `${member.name} is the referent of ${indexer.referenced.size} nodes`);
  }

  #onFrame(frame: TappedFrame): void {
    this.checked += 1;
    const sender = this.#fleet.memberOf(frame.from);
    if (sender === undefined || !sender.isHonest) return;
    if (frame.protocol === PROTOCOLS.heartbeat) this.#onHeartbeat(sender, frame);
    else if (frame.text.includes(PRIVATE_MARK))
      this.#broken('nothing private', `${sender.name} sent a user's name on ${frame.protocol}`);
    const cutOffAt = this.#blacklisted.get(`${frame.from} ${frame.to}`);
    if (cutOffAt !== undefined && frame.at > cutOffAt + 1_000)
      this.#broken('no blacklisted contact', `${sender.name} sent to ${frame.to} on ${frame.protocol}`);
  }

  #onHeartbeat(sender: Member, frame: TappedFrame): void {
    // Answers begin with another member; only requests carry the sender's list of indexers.
    if (!frame.text.includes('"indexers_binded"')) return;
    const heartbeat = JSON.parse(frame.text) as Heartbeat;
    if (heartbeat.probe === true) return;
    // A restarted process knows nothing of what it sent before.
    const key = `${frame.from} ${sender.startedAt} ${frame.to}`;
    const times = this.#sent.get(key) ?? [];
    this.#sent.set(key, times);
    const last = times.at(-1);
    const { heartbeatMinGapMs } = this.#fleet.constants;
    const to = this.#fleet.memberOf(frame.to)?.name ?? frame.to;
    if (last !== undefined && frame.at - last < heartbeatMinGapMs - ROUNDING_MS)
      this.#broken('minimum gap', `${sender.name} beat ${to} twice within ${Math.round(frame.at - last)} ms`);
    times.push(frame.at);
    while ((times[0] ?? frame.at) < frame.at - MINUTE_MS) times.shift();
    if (times.length > sender.daemon.context.settings.maxHeartbeatsPerMinute)
      this.#broken('heartbeats per minute', `${sender.name} beat ${to} ${times.length} times within 60 s`);
  }

  #onEvent(member: Member, event: FleetEvent): void {
    if (!member.isHonest) return;
    switch (event.topic) {
      case 'behaviour.strike':
      case 'behaviour.banned':
        this.#checkStrike(
          member,
          event.payload.peer,
          'cause' in event.payload ? event.payload.cause : 'a ban',
        );
        break;
      case 'score.updated':
        this.#checkScore(member, event.payload);
        break;
      case 'pool.referent':
        this.#checkReferent(member);
        break;
      case 'peer.blacklisted':
        this.#blacklisted.set(`${member.peer} ${event.payload.peer}`, this.#fleet.sim.now);
        break;
      default:
    }
  }

  #checkStrike(member: Member, peer: PeerId, what: string): void {
    const struck = this.#fleet.memberOf(peer);
    if (struck === undefined || !struck.isHonest || this.#options.mayBeStruck?.(peer) === true) return;
    this.#broken('strikes only to the offender', `${member.name} charged ${struck.name}: ${what}`);
  }

  #checkScore(
    member: Member,
    { score, terms, confidence }: Extract<FleetEvent, { topic: 'score.updated' }>['payload'],
  ): void {
    const shares = [...(Object.values(terms) as number[]), confidence];
    if (score >= 0 && score <= 100 && shares.every((share) => share >= 0 && share <= 1)) return;
    this.#broken('score range', `${member.name} gave ${score} from ${JSON.stringify(terms)}`);
  }

  #checkReferent(member: Member): void {
    const referents = member.daemon.pool.view().filter(({ isReferent }) => isReferent);
    if (referents.length > 1)
      this.#broken('one referent', `${member.name} has ${referents.length} referents at once`);
  }
}
