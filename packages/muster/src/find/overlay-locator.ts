/**
 * Finds peers in the overlay, through the status endpoints of nodes and indexers that run: what peers say of themselves, signed.
 *
 * Fault model: endpoints may be gone, slow or wrong, indexers may lie, strangers may take the names of others. A record counts only
 * when its signature verifies, and it is of the peer that was asked for. Who has a name in the registry is known from the last list
 * that a member has kept: another key under the same name is a conflict, and never an answer.
 */
import {
  type Clock,
  errorCode,
  type Located,
  type Locator,
  type MusterError,
  type Timers,
  type WaitLimit,
} from '@muster/core';
import { didOf, Identity, publicKeyOfPeerId } from '@muster/core/identity';
import {
  derivedDid,
  discoveryConstants,
  ed25519Crypto,
  type PeerRecord,
  verifyPeerRecord,
} from '@muster/discovery/records';
import { cliErrors } from '../cli/cli-errors.ts';
import { hostnameOf } from '../membership/member-facts.ts';
import type { KnownMembers } from './known-members.ts';
import { parseQuery, type Query } from './query.ts';
import { type PeerClaim, readPeer, searchPeers } from './status-reader.ts';

/** Members that one question asks for: those of a tag. */
export const MAX_TARGETS = 16;
/** Endpoints that are asked. */
export const MAX_PLACES = 8;
/** Once there is an answer to a name, others who claim it have so long to show up. */
const GRACE_MS = 150;
const MIN_NAME_CHARS = 2;

/** A peer that goes by a name which is registered for another key. */
export interface Conflict {
  readonly name: string;
  /** Who claims it. */
  readonly peerId: string;
  /** Who has it. */
  readonly registeredPeerId: string;
}

export interface OverlayAnswer {
  readonly located: readonly Located[];
  readonly conflicts: readonly Conflict[];
}

export interface OverlayLocatorOptions {
  /** Status endpoints, `host:port`; the first {@link MAX_PLACES} are asked, all at the same time. */
  readonly places: readonly string[];
  readonly known: KnownMembers;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class OverlayLocator implements Locator {
  readonly source = 'overlay';
  readonly #options: OverlayLocatorOptions;

  constructor(options: OverlayLocatorOptions) {
    this.#options = options;
  }

  /** Rejects as {@link ask}; FIND_KEY_MISMATCH when only others than the registered one answer to the name. */
  async locate(what: string, limit: WaitLimit): Promise<readonly Located[]> {
    const { located, conflicts } = await this.ask(what, limit);
    const [conflict] = conflicts;
    if (located.length === 0 && conflict !== undefined) throw mismatch(conflicts);
    return located;
  }

  /** Rejects STATUS_UNREACHABLE or STATUS_REFUSED when no endpoint answers; FIND_NO_MEMBERS; USAGE. */
  async ask(what: string, limit: WaitLimit): Promise<OverlayAnswer> {
    return await new Inquiry(this.#options, parseQuery(what)).run(limit);
  }
}

/** The error for conflicts. */
export function mismatch(conflicts: readonly Conflict[]): MusterError {
  const [first] = conflicts;
  const others = conflicts.length > 1 ? `, and ${conflicts.length - 1} more` : '';
  return cliErrors.create(
    'FIND_KEY_MISMATCH',
    `${first?.peerId} calls itself ${JSON.stringify(first?.name)}, a name that is registered for ${first?.registeredPeerId}${others}`,
    { details: { conflicts } },
  );
}

/** One question to all endpoints. */
class Inquiry {
  readonly #options: OverlayLocatorOptions;
  readonly #query: Query;
  readonly #targets: readonly string[];
  readonly #found = new Map<string, Located>();
  readonly #conflicts = new Map<string, Conflict>();
  readonly #failures: unknown[] = [];
  readonly #complete = Promise.withResolvers<void>();
  readonly #crypto = ed25519Crypto(Identity.generate());
  readonly #constants = discoveryConstants();

  constructor(options: OverlayLocatorOptions, query: Query) {
    this.#options = options;
    this.#query = query;
    this.#targets = targetsOf(query, options.known);
  }

  async run(limit: WaitLimit): Promise<OverlayAnswer> {
    const { timers } = this.#options;
    const ending = new AbortController();
    const signal =
      limit.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, limit.signal]);
    const timeout = timers.after(limit.timeoutMs, () => ending.abort());
    const tasks = this.#tasks(signal);
    try {
      const all = Promise.all(tasks);
      await Promise.race([all, this.#completed(signal)]);
    } finally {
      timeout.cancel();
      ending.abort();
    }
    limit.signal?.throwIfAborted();
    const [failure] = this.#failures;
    if (
      this.#found.size === 0 &&
      this.#conflicts.size === 0 &&
      tasks.length === this.#failures.length &&
      failure !== undefined
    )
      throw failure;
    return { located: [...this.#found.values()], conflicts: [...this.#conflicts.values()] };
  }

  /** Resolves when nothing better can come, or at the abort. */
  async #completed(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#complete.promise, aborted]);
    if (this.#query.kind !== 'name' || signal.aborted) return;
    await this.#options.timers.sleep(GRACE_MS, signal).catch(() => {});
  }

  #tasks(signal: AbortSignal): readonly Promise<void>[] {
    const query = this.#query;
    const searches = query.kind === 'name' && query.text.length >= MIN_NAME_CHARS;
    return this.#options.places
      .slice(0, MAX_PLACES)
      .flatMap((place) => [
        ...this.#targets.map(
          async (peer) => await this.#attempt(() => this.#look(place, peer, signal), signal),
        ),
        ...(searches ? [this.#attempt(() => this.#search(place, query.text, signal), signal)] : []),
      ]);
  }

  async #attempt(ask: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await ask();
    } catch (error) {
      // A search that has found nobody yet when the time is over has not failed.
      if (!signal.aborted || errorCode(error) !== 'STATUS_UNREACHABLE') this.#failures.push(error);
    }
  }

  async #look(place: string, peer: string, signal: AbortSignal): Promise<void> {
    const claim = await readPeer(place, peer, signal);
    if (claim === undefined) return;
    const record = this.#verified(claim);
    if (record === undefined || (record.peer_id !== peer && derivedDid(record.peer_id) !== peer)) {
      throw cliErrors.create('STATUS_REFUSED', `${place} answers with a record that does not hold`, {
        details: { place, peer },
      });
    }
    this.#accept(record, claim);
  }

  async #search(place: string, name: string, signal: AbortSignal): Promise<void> {
    const { known } = this.#options;
    for await (const claim of searchPeers(place, name, signal)) {
      const record = this.#verified(claim);
      // Searches find parts of names; who was asked for has this name.
      const hostname = hostnameOf(record?.name ?? '');
      if (record === undefined || hostname === undefined || hostname !== hostnameOf(name)) continue;
      const registered = known.named(hostname);
      if (registered === undefined || registered.peerId === record.peer_id) this.#accept(record, claim);
      else {
        const { peer_id: peerId } = record;
        this.#conflicts.set(peerId, { name: record.name, peerId, registeredPeerId: registered.peerId });
      }
    }
  }

  #verified({ record }: PeerClaim): PeerRecord | undefined {
    const check = verifyPeerRecord(record, {
      crypto: this.#crypto,
      now: this.#options.clock.now(),
      constants: this.#constants,
      // Fleets may keep DIDs of their own; whoever is asked for by DID is checked against the derived one.
      didMode: 'stored',
    });
    return check.ok ? check.verified.record : undefined;
  }

  #accept(record: PeerRecord, { ageMs, stalenessBoundMs }: PeerClaim): void {
    const { peer_id: peerId, name, stream_address: address } = record;
    const before = this.#found.get(peerId);
    if (before !== undefined && (before.ageMs ?? Infinity) <= (ageMs ?? Infinity)) return;
    const publicKey = publicKeyOfPeerId(peerId);
    const member = this.#options.known.member(peerId);
    const bound = this.#constants.recordMaxTtlMs;
    this.#found.set(peerId, {
      publicKey,
      peerId,
      nodeId: member?.nodeId,
      name,
      // Records have no tags, and those of the list are the registry's word of then.
      tags: [],
      addresses: address === '' ? [] : [address.slice(0, address.lastIndexOf('/p2p/'))],
      source: 'overlay',
      did: didOf(publicKey),
      ageMs,
      stalenessBoundMs: Math.min(bound, stalenessBoundMs ?? bound),
      proof: member === undefined ? 'self-signed' : 'signed',
    });
    const targets = this.#targets;
    // Without targets any answer will do.
    const isComplete = targets.every((target) =>
      [...this.#found.keys()].some((id) => id === target || derivedDid(id) === target),
    );
    if (isComplete) this.#complete.resolve();
  }
}

/** Peer ids, or the DID, to look up; throws FIND_NO_MEMBERS when the overlay cannot know what is asked for. */
function targetsOf(query: Query, known: KnownMembers): readonly string[] {
  const members = known.match(query).map(({ peerId }) => peerId);
  if (query.kind === 'key') return [query.peerId];
  if (query.kind === 'did') return [members[0] ?? query.did];
  if (known.confirmedAt === undefined && query.kind !== 'name') {
    throw cliErrors.create(
      'FIND_NO_MEMBERS',
      `the overlay knows no ${query.kind === 'tag' ? 'tags' : 'node ids'}, and no list of members says who has it`,
    );
  }
  return members.slice(0, MAX_TARGETS);
}
