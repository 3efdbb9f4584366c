/**
 * A fleet on this machine: its processes, what is written of them, and what can be done to them.
 *
 * What it guarantees: members are started in order (registry and origin, indexers, then all others, a few at a time); what was
 * started is stopped, also when the start fails half-way; a member that dies stays dead until it is asked for; the fleet file is
 * there as long as the fleet is, and is replaced whole. When this process dies, its members end with their channels.
 */
import { join } from 'node:path';
import { type Clock, errorCode, makeDirectories, type Random, type Timers } from '@muster/core';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import type { FleetFile, FleetMember } from '../fleet/fleet-file.ts';
import { writeFleetFile } from '../fleet/fleet-files.ts';
import { encodeJoinLine } from '../fleet/join-line.ts';
import type { JoinAnswer, ProvenJoin } from '../fleet/join-protocol.ts';
import { BoundedLog } from './bounded-log.ts';
import { describeMember } from './describe-member.ts';
import type { FleetControl, IssuedTicket, MemberEvent, NewMember } from './fleet-control.ts';
import { fewAtATime } from './few-at-a-time.ts';
import { ensureMemberKey } from './member-key.ts';
import { MemberProcess } from './member-process.ts';
import { MemberTable } from './member-table.ts';
import {
  fleetPaths,
  memberNamesOf,
  nextName,
  ORIGIN_REGISTRY,
  type PlannedMember,
  planOrigin,
  planRegistry,
  type SharedFacts,
} from './plan.ts';
import { planMember } from './plan-member.ts';
import type { PortBook } from './port-book.ts';
import { RegistryNumbers } from './registry-numbers.ts';
import { Tickets } from './tickets.ts';

/** Members that a fleet has at most: each is a process of about 100 MB. */
export const MAX_MEMBERS = 200;
/** Members that start at one time. */
const STARTS_AT_ONCE = 3;
/** Changes within this time are written together. */
const WRITE_DELAY_MS = 50;

export interface FleetOptions {
  readonly folder: string;
  readonly musterVersion: string;
  readonly registryPort: number;
  readonly counts: Readonly<Record<'indexer' | 'node' | 'mirror', number>>;
  readonly timeScale: number;
  readonly originBytesPerSecond: number;
}

export interface FleetParts {
  readonly ports: PortBook;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Path of the program that members run. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Makes, or finds, the network of the members. */
  readonly makeNetwork: (registry: string, owner: string) => Promise<number>;
  /** Secrets that a peer which joins is given. */
  readonly secrets: { readonly psk: string; readonly networkToken: string };
  /** Told what runs, whenever that has changed. */
  readonly onFleet: (fleet: FleetFile) => void;
  /** Told how far the start has come. */
  readonly onProgress: (ready: number, all: number) => void;
}

/** What only the running servers know. */
export interface FleetPlaces {
  readonly page: string;
  readonly controlUrl: string;
}

/** One fleet. */
export class Fleet implements FleetControl {
  readonly #options: FleetOptions;
  readonly #parts: FleetParts;
  readonly #members: MemberTable;
  /** Names of members that are being added. */
  readonly #promised = new Set<string>();
  readonly #tickets: Tickets;
  readonly #numbers: RegistryNumbers;
  readonly #startedAt: number;
  #places: FleetPlaces = { page: '', controlUrl: '' };
  #network = 0;
  #registryHttp = '';
  #originUrl = '';
  #image: Readonly<Record<'repository' | 'tag' | 'digest', string>> & { readonly bytes: number } = {
    repository: '',
    tag: '',
    digest: '',
    bytes: 0,
  };
  #writing: Promise<void> = Promise.resolve();
  #isWritePlanned = false;
  #isStopping = false;

  constructor(options: FleetOptions, parts: FleetParts) {
    this.#options = options;
    this.#parts = parts;
    this.#members = new MemberTable(parts.clock);
    this.#tickets = new Tickets(parts);
    this.#startedAt = parts.clock.now();
    this.#numbers = new RegistryNumbers({
      timers: parts.timers,
      registry: this.#registryAddress,
      network: () => this.#network,
      wanted: () => this.#members.unnumbered.map(({ member }) => member.peerId as string),
      onFound: (peerId, nodeId) =>
        this.#members.unnumbered.find(({ member }) => member.peerId === peerId)?.learn({ nodeId }),
    });
  }

  /** Where the servers of the supervisor are; they are started before the members. */
  setPlaces(places: FleetPlaces): void {
    this.#places = places;
  }

  /** Starts all; resolves when all are ready. Rejects FLEET_MEMBER_FAILED, ADDRESS_IN_USE; then `stop` is for the caller. */
  async start(): Promise<void> {
    const { folder, counts } = this.#options;
    const paths = fleetPaths(folder);
    for (const path of [paths.keys, paths.members, paths.mirrors, paths.logs]) {
      await makeDirectories(path, { mode: 0o700 });
    }
    await Promise.all([this.#startRegistry(), this.#startOrigin()]);
    const [owner = 'indexer-1'] = memberNamesOf('indexer', counts.indexer);
    await ensureMemberKey(folder, owner);
    this.#network = await this.#parts.makeNetwork(this.#registryAddress, owner);
    const indexers = memberNamesOf('indexer', counts.indexer);
    await fewAtATime(
      STARTS_AT_ONCE,
      indexers.map((name) => () => this.#startNew({ role: 'indexer', name })),
    );
    const nodes = memberNamesOf('node', counts.node);
    const mirrors = memberNamesOf('mirror', counts.mirror);
    await fewAtATime(STARTS_AT_ONCE, [
      ...nodes.map((name) => () => this.#startNew({ role: 'node', name })),
      ...mirrors.map((name) => () => this.#startNew({ role: 'mirror', name })),
    ]);
    await this.#write();
  }

  /** Stops all, the registry and the origin last. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#numbers.stop();
    const members = this.#members.processes;
    const isLast = ({ planned }: MemberProcess): boolean =>
      planned.role === 'registry' || planned.role === 'origin';
    await Promise.all(members.filter((member) => !isLast(member)).map((member) => member.stop()));
    await Promise.all(members.filter(isLast).map((member) => member.stop()));
    for (const member of members) member.closeLog();
    await this.#writing;
  }

  fleet(): FleetFile {
    const { folder, musterVersion } = this.#options;
    const paths = fleetPaths(folder);
    return {
      version: 1,
      musterVersion,
      pid: process.pid,
      startedAt: this.#startedAt,
      folder,
      page: this.#places.page,
      control: { url: this.#places.controlUrl, tokenFile: paths.controlToken },
      registry: {
        address: this.#registryAddress,
        http: this.#registryHttp,
        adminTokenFile: paths.adminToken,
        network: this.#network,
      },
      pskFile: paths.psk,
      origin: { url: this.#originUrl, registry: ORIGIN_REGISTRY, ...this.#image },
      members: this.#members.members,
    };
  }

  async add(wish: NewMember): Promise<FleetMember> {
    const taken = new Set([...this.#members.names, ...this.#promised]);
    if (taken.size >= MAX_MEMBERS) {
      throw fleetErrors.create('FLEET_FULL', `the fleet has ${MAX_MEMBERS} members already`);
    }
    const name = wish.name ?? nextName(wish.role, taken);
    if (taken.has(name)) {
      throw fleetErrors.create('FLEET_MEMBER_STATE', `there is a member ${name} already`, {
        details: { name },
      });
    }
    this.#promised.add(name);
    try {
      return await this.#startNew({ ...wish, name });
    } catch (error) {
      await this.#forget(name);
      throw error;
    } finally {
      this.#promised.delete(name);
    }
  }

  async remove(name: string): Promise<FleetMember> {
    const member = this.#members.find(name);
    if (member.planned.role === 'registry' || member.planned.role === 'origin') {
      throw fleetErrors.create('FLEET_MEMBER_STATE', `a fleet has its ${name}: kill it, and restart it`);
    }
    await member.stop();
    const last = member.member;
    await this.#forget(name);
    return last;
  }

  async kill(name: string): Promise<FleetMember> {
    const member = this.#members.find(name);
    await member.kill();
    return member.member;
  }

  async restart(name: string): Promise<FleetMember> {
    const member = this.#members.find(name);
    await member.stop();
    await member.start();
    this.#members.tellCut(member);
    return member.member;
  }

  async pause(name: string): Promise<FleetMember> {
    const member = this.#members.find(name);
    member.pause();
    return member.member;
  }

  async resume(name: string): Promise<FleetMember> {
    const member = this.#members.find(name);
    member.resume();
    return member.member;
  }

  cut(groups: readonly (readonly string[])[]): void {
    this.#members.cut(groups);
  }

  heal(): void {
    this.#members.heal();
  }

  issueTicket(): IssuedTicket {
    const ticket = this.#tickets.issue();
    if (ticket === undefined) throw fleetErrors.create('FLEET_FULL', 'there are too many join lines already');
    const line = encodeJoinLine({
      ticket: ticket.bytes,
      host: '127.0.0.1',
      controlPort: Number(new URL(this.#places.controlUrl).port),
      registryPort: this.#options.registryPort,
    });
    return { line, expiresAt: ticket.expiresAt };
  }

  async join({ ticket }: ProvenJoin): Promise<JoinAnswer> {
    const verdict = this.#tickets.redeem(ticket);
    if (verdict !== 'accepted') {
      const reasons = {
        used: 'the join line was used already: each is good for one peer',
        expired: 'the join line has expired: each is good for ten minutes',
        unknown: 'the fleet does not know this join line: it is of another fleet, or of an earlier start',
      };
      throw fleetErrors.create('TICKET_REFUSED', reasons[verdict]);
    }
    return {
      ...this.#parts.secrets,
      registry: this.#registryAddress,
      network: this.#network,
      seeds: this.#members.seeds,
      timeScale: this.#options.timeScale,
      page: this.#places.page,
    };
  }

  onMember(listener: (event: MemberEvent) => void): () => void {
    return this.#members.onMember(listener);
  }

  get #registryAddress(): string {
    return `127.0.0.1:${this.#options.registryPort}`;
  }

  async #startRegistry(): Promise<void> {
    const { folder } = this.#options;
    this.#registryHttp = `127.0.0.1:${await this.#parts.ports.any()}`;
    await this.#startPlanned(
      planRegistry({ folder, address: this.#registryAddress, http: this.#registryHttp }),
    );
  }

  async #startOrigin(): Promise<void> {
    const { folder, originBytesPerSecond: bytesPerSecond } = this.#options;
    const port = await this.#parts.ports.any();
    this.#originUrl = `http://127.0.0.1:${port}`;
    await this.#startPlanned(planOrigin({ folder, port, bytesPerSecond }), (ready) => {
      const text = (key: string): string => String(ready[key] ?? '');
      const image = { repository: text('repository'), tag: text('tag'), digest: text('digest') };
      this.#image = { ...image, bytes: Number(ready['bytes']) };
    });
  }

  async #startNew(wish: NewMember & { readonly name: string }): Promise<FleetMember> {
    if (this.#isStopping) throw fleetErrors.create('FLEET_MEMBER_STATE', 'the fleet is being stopped');
    await ensureMemberKey(this.#options.folder, wish.name);
    try {
      return await this.#startPlanned(await this.#plan(wish));
    } catch (error) {
      // Another program was quicker with one of the ports that were free a moment ago: that is bad luck once.
      if (errorCode((error as Error).cause) !== 'ADDRESS_IN_USE' || this.#isStopping) throw error;
      this.#members.find(wish.name).closeLog();
      return await this.#startPlanned(await this.#plan(wish));
    }
  }

  async #plan(wish: NewMember & { readonly name: string }): Promise<PlannedMember> {
    const { ports } = this.#parts;
    return await planMember(wish, { shared: this.#shared, ports, origin: this.#originUrl });
  }

  async #startPlanned(
    planned: PlannedMember,
    onReady: (ready: Readonly<Record<string, unknown>>) => void = () => {},
  ): Promise<FleetMember> {
    const { program, environment, timers } = this.#parts;
    const log = new BoundedLog(join(fleetPaths(this.#options.folder).logs, `${planned.name}.log`));
    const member = new MemberProcess({
      planned,
      program,
      environment,
      log,
      timers,
      onChange: () => this.#changed(planned.name),
      describe: (ready) => {
        onReady(ready);
        return describeMember(planned.role, ready);
      },
    });
    this.#members.set(member);
    await member.start();
    this.#members.tellCut(member);
    if (this.#network !== 0) this.#numbers.look();
    const { counts } = this.#options;
    const ready = this.#members.processes.filter(({ state }) => state === 'running').length;
    this.#parts.onProgress(ready, 2 + counts.indexer + counts.node + counts.mirror);
    return member.member;
  }

  get #shared(): SharedFacts {
    const { folder, timeScale, counts } = this.#options;
    return {
      folder,
      registry: this.#registryAddress,
      network: this.#network,
      timeScale,
      members: counts.indexer + counts.node,
    };
  }

  async #forget(name: string): Promise<void> {
    if (!this.#members.has(name)) return;
    const member = this.#members.find(name);
    await member.stop();
    this.#members.delete(name);
    member.closeLog();
    this.#planWrite();
  }

  #changed(name: string): void {
    this.#members.changed(name);
    this.#planWrite();
  }

  #planWrite(): void {
    if (this.#isWritePlanned || this.#isStopping) return;
    this.#isWritePlanned = true;
    this.#parts.timers.after(WRITE_DELAY_MS, () => void this.#write());
  }

  /** Writes the fleet file; one write after another. A disk that refuses it keeps nothing else from going on. */
  async #write(): Promise<void> {
    this.#isWritePlanned = false;
    if (this.#isStopping) return;
    this.#parts.onFleet(this.fleet());
    this.#writing = this.#writing.then(() => writeFleetFile(this.fleet())).catch(() => {});
    await this.#writing;
  }
}
