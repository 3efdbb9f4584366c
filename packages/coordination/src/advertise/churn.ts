/** Notices that many members were replaced or restarted in a short time (coordination spec 17.5). */

import type { ClusterNode } from '../types.ts';

const WINDOW_MS = 600_000;
const SHARE = 0.2;

export class ChurnDetector {
  #known: ReadonlyMap<string, string> | undefined;
  #gone: { readonly at: number; readonly id: string }[] = [];

  /**
   * Takes in a view. True when a fifth of the members, of those that there were, have left or come back as somebody else
   * within ten minutes; counting begins anew then.
   */
  observe(nodes: readonly ClusterNode[], self: string, now: number): boolean {
    const current = new Map(nodes.filter(({ id }) => id !== self).map(({ id, peerId }) => [id, peerId]));
    const before = this.#known ?? current;
    this.#known = current;
    for (const [id, peerId] of before) {
      const isSame = current.get(id) === peerId || (peerId === '' && current.has(id));
      if (!isSame) this.#gone.push({ at: now, id });
    }
    this.#gone = this.#gone.filter(({ at }) => now - at < WINDOW_MS);
    const changed = new Set(this.#gone.map(({ id }) => id)).size;
    const size = new Set([...current.keys(), ...this.#gone.map(({ id }) => id)]).size;
    if (changed === 0 || changed < size * SHARE) return false;
    this.#gone = [];
    return true;
  }
}
