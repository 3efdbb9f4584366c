/**
 * Belonging to a registry: one key is a node there, and what the registry admits is what the services meet.
 *
 * What it promises: the start of the process never waits for the registry; with the registry gone everything goes on with the last
 * list of members, which is kept in a file; whoever is removed from the network is no member from the next look on. See
 * `member-facts.ts` for how a peer stands in the registry, and the modules beside it for what may fail.
 */
import { RegistryClient, type TlsOptions } from '@muster/client';
import type { Clock, Logger, Members, Timers } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { ConfirmedList, type ListedMember } from './confirmed-list.ts';
import type { MemberFacts } from './member-facts.ts';
import { type ListPlace, readMembersFile, writeMembersFile } from './members-file.ts';
import { NetworkMembers } from './network-members.ts';
import { Registration, type RegistrationState } from './registration.ts';

const REQUEST_TIMEOUT_MS = 5_000;
/** A registry that comes back is found soon. */
const MAX_RECONNECT_MS = 2_000;
/** A list that says nothing new is written again only after this time: its age in the file is for people. */
const REWRITE_MS = 60_000;
const DEREGISTER_TIMEOUT_MS = 1_000;
/** How long a stranger at the door waits for a look at the list. */
const RECONSIDER_MS = 1_500;

export interface RegistryMembershipOptions {
  /** `host:port`. */
  readonly registry: string;
  readonly tls: false | TlsOptions;
  /** 0 = none: then there is no list of members. */
  readonly network: number;
  readonly networkToken: string | undefined;
  readonly heartbeatMs: number;
  /** Time between looks at the list: bound of how stale it may be while the registry answers. */
  readonly refreshMs: number;
  /** Where the list is kept; undefined: nowhere. */
  readonly membersFile: string | undefined;
  readonly deregisterAtStop: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class RegistryMembership implements Members, AsyncDisposable {
  readonly #options: RegistryMembershipOptions;
  readonly #list = new ConfirmedList();
  readonly #warnings: string[] = [];
  readonly #failing = new Set<(error: Error) => void>();
  #client: RegistryClient | undefined;
  #registration: Registration | undefined;
  #watch: NetworkMembers | undefined;
  #writing: Promise<void> = Promise.resolve();
  #writtenAt = Number.NEGATIVE_INFINITY;
  #hasFailedToWrite = false;

  private constructor(options: RegistryMembershipOptions) {
    this.#options = options;
  }

  /** Reads the last list of members. Never rejects: what cannot be used is among the warnings. */
  static async open(options: RegistryMembershipOptions): Promise<RegistryMembership> {
    const membership = new RegistryMembership(options);
    await membership.#load();
    return membership;
  }

  /** What an operator should know, after `open`. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  get place(): ListPlace {
    const { registry, network } = this.#options;
    return { registry, network };
  }

  get state(): RegistrationState {
    return this.#registration?.state ?? { kind: 'new' };
  }

  get confirmedAt(): number | undefined {
    return this.#list.confirmedAt;
  }

  list(): readonly ListedMember[] | undefined {
    return this.#list.list();
  }

  /** The member with this peer id, when there is one. */
  member(peerId: string): ListedMember | undefined {
    return this.#list.member(peerId);
  }

  onChange(listener: () => void): () => void {
    return this.#list.onChange(listener);
  }

  /**
   * The list, as soon as it is known. Rejects when the registry turns out not to answer before, and with the reason of the signal.
   */
  async whenKnown(signal: AbortSignal): Promise<readonly ListedMember[]> {
    const known = this.#list.list();
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<readonly ListedMember[]>();
    const onAbort = (): void => reject(signal.reason as Error);
    const stopHearing = this.#list.onChange(() => resolve(this.#list.list() ?? []));
    this.#failing.add(reject);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      return await promise;
    } finally {
      stopHearing();
      this.#failing.delete(reject);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Registers, and keeps the list in step from now on. Returns at once. Called again, it registers with other facts. */
  start(identity: Identity, facts: MemberFacts): void {
    if (this.#registration !== undefined) {
      this.#registration.start(facts);
      return;
    }
    const { network, refreshMs, clock, timers, logger } = this.#options;
    const client = this.connect(identity);
    if (network !== 0) {
      this.#watch = new NetworkMembers({
        client,
        network,
        refreshMs,
        clock,
        timers,
        logger,
        before: this.#list.list() ?? [],
        onList: (members, confirmedAt) => this.#confirm(members, confirmedAt),
      });
    }
    this.#registration = new Registration({
      ...this.#options,
      client,
      onRegistered: () => {
        this.#watch?.start();
        this.#watch?.lookAgain();
      },
      onBack: () => this.#watch?.lookAgain(),
      onFailed: (error) => {
        for (const reject of this.#failing) reject(error);
      },
    });
    this.#registration.start(facts);
  }

  /**
   * Looks whether somebody has become a member a moment ago. Resolves within {@link RECONSIDER_MS}, at once when the registry does not
   * answer; never rejects.
   */
  async reconsider(): Promise<void> {
    await this.#watch?.refresh(RECONSIDER_MS);
  }

  /** Ends heartbeats and looks. The node stays registered, unless it is to leave at a clean stop. Never rejects. */
  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#registration?.stop({
      deregister: this.#options.deregisterAtStop,
      timeoutMs: DEREGISTER_TIMEOUT_MS,
    });
    await this.#client?.close();
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The client with which it asks, as this node; it has a node id once it is registered. Connects when there is something to ask. */
  connect(identity: Identity): RegistryClient {
    this.#client ??= new RegistryClient({
      address: this.#options.registry,
      encoding: 'json',
      tls: this.#options.tls,
      identity,
      // Registries with strict directory authentication answer only who signs.
      strict: { directory: true },
      poolSize: 1,
      connectTimeoutMs: REQUEST_TIMEOUT_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      reconnect: { maxDelayMs: MAX_RECONNECT_MS },
    });
    return this.#client;
  }

  async #load(): Promise<void> {
    const { membersFile, network } = this.#options;
    if (membersFile === undefined || network === 0) return;
    const found = await readMembersFile(membersFile, this.place);
    if (found.kind === 'found') {
      const { members, confirmedAt } = found.list;
      this.#list.confirm(members, confirmedAt);
      this.#writtenAt = confirmedAt;
    } else if (found.kind === 'unusable') {
      this.#warnings.push(`the list of members in ${membersFile} ${found.reason}; it is not used.`);
    }
    if (found.kind !== 'found') {
      this.#warnings.push(
        'Who belongs to the network is not known yet: until the registry has told it, whoever has the pre-shared key may connect.',
      );
    }
  }

  #confirm(members: readonly ListedMember[], confirmedAt: number): void {
    const { membersFile, network, registry, logger } = this.#options;
    const isNew = this.#list.confirm(members, confirmedAt);
    if (isNew) logger.info({ network, members: members.length }, 'the registry has told who belongs');
    if (membersFile === undefined || (!isNew && confirmedAt - this.#writtenAt < REWRITE_MS)) return;
    this.#writtenAt = confirmedAt;
    this.#writing = this.#writing.then(async () => {
      try {
        await writeMembersFile(membersFile, { registry, network, confirmedAt, members });
        this.#hasFailedToWrite = false;
      } catch (error) {
        if (!this.#hasFailedToWrite)
          logger.warn({ error, path: membersFile }, 'the list of members cannot be kept');
        this.#hasFailedToWrite = true;
      }
    });
  }
}
