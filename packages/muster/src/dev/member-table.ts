/** The members of a fleet, by name: their states as they change, and who is cut off from whom. */
import type { Clock } from '@muster/core';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import type { FleetMember, FleetRole } from '../fleet/fleet-file.ts';
import { cutFor, HEALED } from './cut.ts';
import type { MemberEvent } from './fleet-control.ts';
import type { MemberProcess } from './member-process.ts';
import { endpointsOf } from './plan.ts';

/** In which order members are shown. */
const ROLE_ORDER: readonly FleetRole[] = ['registry', 'origin', 'indexer', 'node', 'mirror'];

export class MemberTable {
  readonly #members = new Map<string, MemberProcess>();
  readonly #states = new Map<string, string>();
  readonly #listeners = new Set<(event: MemberEvent) => void>();
  readonly #clock: Clock;
  #groups: readonly (readonly string[])[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get processes(): readonly MemberProcess[] {
    return [...this.#members.values()];
  }

  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** As the fleet file has them: by role, then by name. */
  get members(): readonly FleetMember[] {
    const rank = ({ role }: FleetMember): number => ROLE_ORDER.indexOf(role);
    return this.processes
      .map(({ member }) => member)
      .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));
  }

  /** Members that are peers, and whose number in the registry is not known. */
  get unnumbered(): readonly MemberProcess[] {
    return this.processes.filter(
      ({ member: { peerId, nodeId } }) => peerId !== undefined && nodeId === undefined,
    );
  }

  /** Addresses of the indexers that run, for a peer that has not asked the registry yet. */
  get seeds(): readonly string[] {
    return this.processes.flatMap(({ member: { role, state, address, misbehaves } }) =>
      role === 'indexer' && state === 'running' && address !== undefined && misbehaves === undefined
        ? [address]
        : [],
    );
  }

  /** The member of this name. Throws FLEET_MEMBER_UNKNOWN. */
  find(name: string): MemberProcess {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    throw fleetErrors.create('FLEET_MEMBER_UNKNOWN', `the fleet has no member ${name}`, {
      details: { name },
    });
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  set(member: MemberProcess): void {
    this.#members.set(member.name, member);
  }

  delete(name: string): void {
    this.#members.delete(name);
    this.#states.delete(name);
  }

  /** Tells of a member's state when it is another one than before. */
  changed(name: string): void {
    const state = this.#members.get(name)?.state;
    if (state === undefined || this.#states.get(name) === state) return;
    this.#states.set(name, state);
    for (const listener of this.#listeners) listener({ name, state, at: this.#clock.now() });
  }

  /** Returns what ends it. */
  onMember(listener: (event: MemberEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Members of different groups can't reach one another from now on. Throws FLEET_MEMBER_UNKNOWN; then nothing is changed. */
  cut(groups: readonly (readonly string[])[]): void {
    for (const name of groups.flat()) this.find(name);
    this.#groups = groups;
    for (const member of this.processes) this.tellCut(member);
  }

  heal(): void {
    this.#groups = [];
    for (const member of this.processes) member.send(HEALED);
  }

  /** Tells one that has just started of the cut that is in force. */
  tellCut(member: MemberProcess): void {
    if (this.#groups.length === 0) return;
    const members = this.processes.map(({ member: each, planned }) => ({
      name: each.name,
      peerId: each.peerId,
      endpoints: endpointsOf(each, planned.flags),
    }));
    member.send(cutFor(member.name, this.#groups, members));
  }
}
