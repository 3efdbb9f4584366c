/** How many bodies are sent to other nodes at a time, and who else could send them (coordination spec 14.3). */

import type { Digest } from '../types.ts';
import { MAX_ALTERNATES } from './headers.ts';

const RECENT_MS = 600_000;
const MAX_DIGESTS = 1024;
const MAX_NODES = 32;

export interface AdmissionLimits {
  readonly maxServes: number;
  readonly fanoutPerDigest: number;
}

interface Serves {
  active: number;
  /** Nodes that copy or have copied it from here, with the monotonic time of that. */
  readonly nodes: Map<string, number>;
}

/** The model. Times are monotonic milliseconds. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byDigest = new Map<Digest, Serves>();
  #active = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get active(): number {
    return this.#active;
  }

  /** Lets a reader in: the function it gives lets it out again. Undefined when there are too many. */
  enter(digest: Digest, nodeId: string, now: number): (() => void) | undefined {
    const serves = this.#servesOf(digest);
    if (this.#active >= this.#limits.maxServes || serves.active >= this.#limits.fanoutPerDigest)
      return undefined;
    this.#active += 1;
    serves.active += 1;
    this.#note(serves, nodeId, now);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#active -= 1;
      serves.active -= 1;
    };
  }

  /** Nodes that may have the object, or some of it, the latest first; without the one that asks. */
  alternates(digest: Digest, asking: string, now: number): readonly string[] {
    const nodes = this.#byDigest.get(digest)?.nodes ?? new Map<string, number>();
    return [...nodes]
      .filter(([id, at]) => id !== asking && now - at < RECENT_MS)
      .map(([id]) => id)
      .toReversed()
      .slice(0, MAX_ALTERNATES);
  }

  #servesOf(digest: Digest): Serves {
    const present = this.#byDigest.get(digest);
    const serves = present ?? { active: 0, nodes: new Map<string, number>() };
    this.#byDigest.delete(digest);
    if (this.#byDigest.size >= MAX_DIGESTS) {
      for (const [other, { active }] of this.#byDigest) {
        if (active > 0) continue;
        this.#byDigest.delete(other);
        break;
      }
    }
    this.#byDigest.set(digest, serves);
    return serves;
  }

  #note({ nodes }: Serves, nodeId: string, now: number): void {
    if (nodeId === '') return;
    nodes.delete(nodeId);
    if (nodes.size >= MAX_NODES) {
      const oldest = nodes.keys().next();
      if (oldest.done !== true) nodes.delete(oldest.value);
    }
    nodes.set(nodeId, now);
  }
}
