/** What the control address of a fleet can be asked for. */
import type { FleetFile, FleetMember, MemberState } from '../fleet/fleet-file.ts';
import type { JoinAnswer, ProvenJoin } from '../fleet/join-protocol.ts';

export interface NewMember {
  readonly role: 'indexer' | 'node' | 'mirror';
  /** @default the next free one of the role */
  readonly name?: string;
  /** Indexers only. */
  readonly misbehave?: 'lie';
}

/** A change of a member's state. */
export interface MemberEvent {
  readonly name: string;
  readonly state: MemberState;
  /** Epoch. */
  readonly at: number;
}

export interface IssuedTicket {
  /** What follows `muster join`. Secret until it is used. */
  readonly line: string;
  readonly expiresAt: number;
}

/** The fleet, as its control address uses it. Rejections are coded (`fleetErrors`). */
export interface FleetControl {
  fleet(): FleetFile;
  /** Starts another member; resolves when it is ready. FLEET_FULL, FLEET_MEMBER_FAILED, FLEET_MEMBER_STATE for a taken name. */
  add(member: NewMember): Promise<FleetMember>;
  /** Stops a member for good, cleanly. FLEET_MEMBER_UNKNOWN; FLEET_MEMBER_STATE for the registry and the origin. */
  remove(name: string): Promise<FleetMember>;
  /** Ends it as a crash does; it stays dead until it is restarted. */
  kill(name: string): Promise<FleetMember>;
  restart(name: string): Promise<FleetMember>;
  pause(name: string): Promise<FleetMember>;
  resume(name: string): Promise<FleetMember>;
  /** Members of different groups can't reach one another from now on; replaces the cut before it. FLEET_MEMBER_UNKNOWN. */
  cut(groups: readonly (readonly string[])[]): void;
  heal(): void;
  /** FLEET_FULL when there are too many already. */
  issueTicket(): IssuedTicket;
  /** TICKET_REFUSED. */
  join(request: ProvenJoin): Promise<JoinAnswer>;
  /** Returns what ends it. */
  onMember(listener: (event: MemberEvent) => void): () => void;
}
