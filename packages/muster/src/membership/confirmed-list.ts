import type { Member, Members } from '@muster/core';

/** A member as the registry lists it. */
export interface ListedMember extends Member {
  /** The registry hears from it. It stays a member when not. */
  readonly isLive: boolean;
}

/** A list of members that somebody confirms from time to time, as the port that the services take. */
export class ConfirmedList implements Members {
  readonly #listeners = new Set<() => void>();
  #members: readonly ListedMember[] | undefined;
  #byPeer: ReadonlyMap<string, ListedMember> = new Map();
  #confirmedAt: number | undefined;

  get confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  list(): readonly ListedMember[] | undefined {
    return this.#members;
  }

  member(peerId: string): ListedMember | undefined {
    return this.#byPeer.get(peerId);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a list as of a time, epoch milliseconds. Listeners hear of it only when it says something new. */
  confirm(members: readonly ListedMember[], at: number): boolean {
    this.#confirmedAt = at;
    const before = this.#members;
    if (before !== undefined && isSameList(before, members)) return false;
    this.#members = members;
    this.#byPeer = new Map(members.map((member) => [member.peerId, member]));
    for (const listener of this.#listeners) listener();
    return true;
  }
}

function isSameList(left: readonly ListedMember[], right: readonly ListedMember[]): boolean {
  return (
    left.length === right.length &&
    left.every((member, index) => isSame(member, right[index] as ListedMember))
  );
}

function isSame(left: ListedMember, right: ListedMember): boolean {
  return (
    left === right ||
    (left.peerId === right.peerId &&
      left.nodeId === right.nodeId &&
      left.name === right.name &&
      left.isLive === right.isLive &&
      left.tags.join() === right.tags.join() &&
      left.addresses.join() === right.addresses.join())
  );
}
