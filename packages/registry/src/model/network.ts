/** A secret that is stored only as a salted hash (B-48): both members are base64. */
export interface StoredSecret {
  readonly salt: string;
  readonly hash: string;
}

/** Roles of members; `member` is the role of everyone who is not listed otherwise. */
export type Role = 'owner' | 'admin' | 'member';

export interface NetworkPolicy {
  readonly maxMembers: number;
  readonly allowedPorts: readonly number[];
  readonly description: string;
}

/** What is stored of a network besides its members. */
export interface NetworkProfile {
  readonly id: number;
  readonly name: string;
  readonly joinRule: string;
  readonly token: StoredSecret | undefined;
  readonly adminToken: StoredSecret | undefined;
  readonly enterprise: boolean;
  readonly policy: NetworkPolicy | undefined;
  /** Managed-network rules as JSON text (spec 6.4). */
  readonly rules: string | undefined;
  /** Policy expression as JSON text, verbatim. */
  readonly exprPolicy: string | undefined;
  /** Unix seconds. */
  readonly created: number;
}

const FIRST_CAPACITY = 16;

/**
 * A network and its members, in order of joining. Membership is O(1); the order survives removals because a place that
 * became empty stays so until the list is compacted.
 */
export class Network {
  profile: NetworkProfile;
  /** Sequence number of the last event that changed the network. */
  changedBy = 0;
  /** Requests by members since the start; informational. */
  requestCount = 0;
  readonly roles = new Map<number, Role>();
  readonly tags = new Map<number, readonly string[]>();
  #order = new Uint32Array(FIRST_CAPACITY);
  #used = 0;
  readonly #places = new Map<number, number>();

  constructor(profile: NetworkProfile) {
    this.profile = profile;
  }

  get id(): number {
    return this.profile.id;
  }

  get memberCount(): number {
    return this.#places.size;
  }

  has(node: number): boolean {
    return this.#places.has(node);
  }

  role(node: number): Role | undefined {
    if (!this.has(node)) return undefined;
    return this.roles.get(node) ?? 'member';
  }

  /** Adds a member at the end; answers false when it is one already. */
  add(node: number, role: Role): boolean {
    if (this.#places.has(node)) return false;
    if (this.#used === this.#order.length) this.#makeRoom();
    this.#places.set(node, this.#used);
    this.#order[this.#used++] = node;
    if (role !== 'member') this.roles.set(node, role);
    return true;
  }

  /** Removes a member with its role and tags; answers false when it is none. */
  remove(node: number): boolean {
    const place = this.#places.get(node);
    if (place === undefined) return false;
    this.#places.delete(node);
    this.#order[place] = 0;
    this.roles.delete(node);
    this.tags.delete(node);
    return true;
  }

  /** Member ids in order of joining. */
  *members(): IterableIterator<number> {
    for (let i = 0; i < this.#used; i++) {
      const node = this.#order[i] as number;
      if (node !== 0) yield node;
    }
  }

  /** Member ids in order of joining, as one array. */
  memberIds(): Uint32Array {
    const ids = new Uint32Array(this.#places.size);
    let at = 0;
    for (let i = 0; i < this.#used; i++) {
      const node = this.#order[i] as number;
      if (node !== 0) ids[at++] = node;
    }
    return ids;
  }

  /** The first member with this role, or 0. */
  firstWithRole(role: Role): number {
    for (const node of this.members()) if (this.role(node) === role) return node;
    return 0;
  }

  #makeRoom(): void {
    const needed = this.#places.size * 2 > this.#order.length ? this.#order.length * 2 : this.#order.length;
    const order = new Uint32Array(needed);
    let at = 0;
    for (let i = 0; i < this.#used; i++) {
      const node = this.#order[i] as number;
      if (node === 0) continue;
      this.#places.set(node, at);
      order[at++] = node;
    }
    this.#order = order;
    this.#used = at;
  }
}
