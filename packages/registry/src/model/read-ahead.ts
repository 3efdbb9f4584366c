import { readU32At } from '../wire/framing.ts';
import { NodeFlag, type NodeTable } from './node-table.ts';

/** Most nodes that are read ahead at a time: what is read of them stays in the processor's first cache. */
export const MAX_READ_AHEAD = 64;

/**
 * Brings what lookups will read into the processor's cache. The nodes of a large registry lie in memory that no cache
 * holds; a lookup waits for it about five times, one wait after the other, because a whole answer is written
 * before the next node is looked for. Read stage by stage for all lookups of a chunk, the waits overlap. It changes
 * nothing, so the ids may be wrong.
 */
export class ReadAhead {
  readonly #nodes: NodeTable;
  /** Slots, then references. */
  readonly #found = new Float64Array(MAX_READ_AHEAD);
  /** Says nothing: what is read goes here, so that the compiler does not leave the reading out. */
  seen = 0;

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  /** Reads what lookups of the ids (u32 BE) at `at`, `at + step`, … need; at most {@link MAX_READ_AHEAD} of them. */
  read(bytes: Uint8Array, at: number, step: number, count: number): void {
    const nodes = this.#nodes;
    const found = this.#found;
    const many = Math.min(count, MAX_READ_AHEAD);
    for (let i = 0, from = at; i < many; i++, from += step) found[i] = nodes.slotOf(readU32At(bytes, from));
    let seen = 0;
    for (let i = 0; i < many; i++) {
      const slot = found[i] as number;
      if (slot >= 0) seen ^= (nodes.flags[slot] as number) & NodeFlag.live;
      found[i] = slot < 0 ? 0 : nodes.profileReference(slot);
    }
    for (let i = 0; i < many; i++) seen ^= nodes.arena.touch(found[i] as number);
    this.seen ^= seen;
  }
}
