/**
 * Leases: who may do which piece of work, one at a time, and who has done it last.
 *
 * Fault model: the registry may crash at any moment and be started again hours later, on a machine whose clock was set meanwhile.
 *
 * - A grant and a release are events: durable before they are answered, applied live, at recovery and on a standby alike. So is the
 *   end of a lease that nobody has renewed, and what is forgotten; the table itself never looks at a clock.
 * - Renewals are not logged, as signs of life are not. When a lease was renewed last is known to the running process only, on its
 *   monotonic clock, and is no part of the stored state. After a start every lease in the table counts as renewed in that moment:
 *   its holder may have renewed it just before the end, so nobody else gets it before its whole time has passed once more.
 * - Tokens come from a counter that is part of the state and never goes back, unless an older copy of the whole store is put back.
 */

/** One lease as it is stored. */
export interface StoredLease {
  readonly resource: string;
  /** The node that holds it, or held it last. */
  readonly node: number;
  readonly token: number;
  readonly ttlMs: number;
}

/** A lease that has been granted and neither been released nor ended. */
export interface HeldLease extends StoredLease {
  /** Sequence number of the grant. */
  readonly grantedBy: number;
  /** Monotonic milliseconds; undefined where nobody grants, such as on a standby. */
  renewedAtMs: number | undefined;
}

/** The leases of a directory. It changes through `applyEvent` only, but for the renewals. */
export class LeaseTable {
  /** By resource, in the order of their grants. */
  readonly held = new Map<string, HeldLease>();
  /** Released as done, by resource, the oldest first. */
  readonly done = new Map<string, StoredLease>();
  /** Of the last grant; 0 = none yet. */
  lastToken = 0;
  readonly #perNode = new Map<number, number>();
  #grantsSinceMs: number | undefined;

  /** Leases that the node holds, ended ones that are still in the table included. */
  countOf(node: number): number {
    return this.#perNode.get(node) ?? 0;
  }

  /** Puts a granted lease in, in the place of whatever there was. */
  grant(lease: StoredLease, seq: number): void {
    this.#drop(lease.resource);
    this.done.delete(lease.resource);
    this.held.set(lease.resource, { ...lease, grantedBy: seq, renewedAtMs: undefined });
    this.#perNode.set(lease.node, this.countOf(lease.node) + 1);
    this.lastToken = Math.max(this.lastToken, lease.token);
  }

  /** Takes the lease with this token out; `isDone` remembers its holder. */
  release(resource: string, token: number, isDone: boolean): void {
    const lease = this.held.get(resource);
    if (lease?.token !== token) return;
    this.#drop(resource);
    if (isDone) this.remember({ resource, node: lease.node, token, ttlMs: lease.ttlMs });
  }

  /** Puts a lease among those that are done. */
  remember(lease: StoredLease): void {
    this.done.delete(lease.resource);
    this.done.set(lease.resource, lease);
  }

  /** Forgets who has done the work. */
  forget(resource: string): void {
    this.done.delete(resource);
  }

  /** The resource that was done the longest ago. */
  get oldestDone(): string | undefined {
    for (const resource of this.done.keys()) return resource;
    return undefined;
  }

  /** Notes a renewal; `nowMs` is monotonic. */
  renew(resource: string, nowMs: number): void {
    const lease = this.held.get(resource);
    if (lease !== undefined) lease.renewedAtMs = nowMs;
  }

  /** For how long leases have been granted by this process: for so long it hears signs of life, too. 0 where none are granted. */
  grantingForMs(nowMs: number): number {
    return this.#grantsSinceMs === undefined ? 0 : nowMs - this.#grantsSinceMs;
  }

  /** After a start: all of them count as renewed now. */
  renewAll(nowMs: number): void {
    this.#grantsSinceMs = nowMs;
    for (const lease of this.held.values()) lease.renewedAtMs = nowMs;
  }

  /** Resources and tokens of up to `limit` leases whose time was over `graceMs` ago. */
  ended(nowMs: number, graceMs: number, limit: number): readonly HeldLease[] {
    const found: HeldLease[] = [];
    for (const lease of this.held.values()) {
      if (found.length >= limit) break;
      if (remainingMs(lease, nowMs) + graceMs <= 0) found.push(lease);
    }
    return found;
  }

  #drop(resource: string): void {
    const lease = this.held.get(resource);
    if (lease === undefined) return;
    this.held.delete(resource);
    const count = this.countOf(lease.node) - 1;
    if (count > 0) this.#perNode.set(lease.node, count);
    else this.#perNode.delete(lease.node);
  }
}

/** Milliseconds until the lease ends without a renewal; not positive when it has ended. */
export function remainingMs(lease: HeldLease, nowMs: number): number {
  return lease.renewedAtMs === undefined ? lease.ttlMs : lease.renewedAtMs + lease.ttlMs - nowMs;
}
