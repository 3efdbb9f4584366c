import type { Clock, Timers } from '@muster/core';
import type { Engine } from '../engine/engine.ts';
import { ExpiryWheel } from '../model/expiry-wheel.ts';
import { NodeFlag } from '../model/node-table.ts';

/** Nodes of one event: what the loop can apply in one piece. */
const NODES_PER_EVENT = 500;
/** Nodes reaped by one tick (spec 8.2). */
const MAX_PER_TICK = 10_000;

/** Removes nodes that have not been seen for the threshold, and forgets the oldest tombstones above their limit. */
export class Reaper {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #wheel: ExpiryWheel;
  #running = false;

  constructor(engine: Engine, clock: Clock, timers: Timers, thresholdSeconds: number) {
    this.#engine = engine;
    this.#clock = clock;
    this.#timers = timers;
    const { state } = engine;
    this.#wheel = new ExpiryWheel(state.nodes, thresholdSeconds, this.#now());
    for (let slot = 0; slot < state.nodes.usedSlots; slot++) {
      if (state.nodes.has(slot, NodeFlag.live)) this.#wheel.add(slot);
    }
    state.onLive = (slot) => this.#wheel.add(slot);
  }

  /** One round; answers how many nodes were reaped. Rounds do not overlap. */
  async tick(): Promise<number> {
    if (this.#running) return 0;
    this.#running = true;
    try {
      const reaped = await this.#reap();
      await this.#evict();
      return reaped;
    } finally {
      this.#running = false;
    }
  }

  async #reap(): Promise<number> {
    const { state } = this.#engine;
    let total = 0;
    while (total < MAX_PER_TICK) {
      const slots = this.#wheel.collect(this.#now(), NODES_PER_EVENT);
      if (slots.length === 0) return total;
      const ids = slots.map((slot) => state.nodes.idOf(slot));
      try {
        this.#engine.commit([{ type: 'nodes.reaped', ids, at: this.#now() }]);
      } catch (error) {
        for (const slot of slots) this.#wheel.add(slot);
        throw error;
      }
      const nowMs = this.#clock.now();
      for (const nodeId of ids) this.#engine.options.onAudit({ action: 'node.reaped', nodeId }, nowMs);
      total += ids.length;
      await this.#timers.yield();
    }
    return total;
  }

  async #evict(): Promise<void> {
    const { nodes, limits } = this.#engine.state;
    const excess = nodes.tombstoneCount - limits.maxTombstones;
    if (excess <= 0) return;
    // A hundredth more than needed, so that the table is not searched at every tick.
    const wanted = excess + Math.ceil(limits.maxTombstones / 100);
    const gone: { readonly id: number; readonly goneAt: number }[] = [];
    for (let slot = 0; slot < nodes.usedSlots; slot++) {
      const id = nodes.idOf(slot);
      if (id !== 0 && !nodes.has(slot, NodeFlag.live))
        gone.push({ id, goneAt: nodes.goneAt[slot] as number });
      if (slot % 50_000 === 0) await this.#timers.yield();
    }
    gone.sort((a, b) => a.goneAt - b.goneAt);
    const ids = gone.slice(0, wanted).map((entry) => entry.id);
    for (let from = 0; from < ids.length; from += NODES_PER_EVENT) {
      const still = ids.slice(from, from + NODES_PER_EVENT).filter((id) => this.#isTombstone(id));
      if (still.length > 0) this.#engine.commit([{ type: 'tombstones.evicted', ids: still }]);
      await this.#timers.yield();
    }
  }

  #isTombstone(id: number): boolean {
    const slot = this.#engine.state.nodes.slotOf(id);
    return slot >= 0 && !this.#engine.state.nodes.has(slot, NodeFlag.live);
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
