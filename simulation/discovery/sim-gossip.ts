import {
  discoveryErrors,
  type Gossip,
  type GossipMessage,
  type GossipVerdict,
  type PeerId,
} from '@muster/discovery';
import type { SimRandom } from '../kernel/index.ts';
import type { SimOverlay } from './sim-overlay.ts';

/** Of GossipSub: peers that a message is pushed to; more than the upper bound are cut down. */
const MESH_SIZE = 6;
const MESH_MAX = 12;
/** Peers outside of the mesh that are told, at the next heartbeat, which messages there are. */
const LAZY_PEERS = 6;
const HEARTBEAT_MS = 1_000;
const SEEN_MS = 120_000;
const ENVELOPE_BYTES = 180;
const IHAVE_BYTES = 60;

interface Subscription {
  readonly validate: (message: GossipMessage) => GossipVerdict;
  readonly deliver?: (message: GossipMessage) => void;
}

interface Envelope extends GossipMessage {
  readonly id: string;
}

/**
 * Topics in the manner of GossipSub: messages are flooded along a mesh of few neighbours and announced to some others;
 * each hop validates before it forwards. Authors are signed, so `from` is always true.
 */
export class SimGossip implements Gossip {
  readonly #overlay: SimOverlay;
  readonly #random: SimRandom;
  readonly #topics = new Map<string, Subscription>();
  readonly #meshes = new Map<string, readonly SimOverlay[]>();
  #seen = new Set<string>();
  #seenBefore = new Set<string>();
  #seenSince = 0;
  #sequence = 0;
  /** Messages that the validators here have rejected. */
  rejected = 0;

  constructor(overlay: SimOverlay) {
    this.#overlay = overlay;
    this.#random = overlay.process.random.fork('gossip');
  }

  subscribe(topic: string, options: Subscription): void {
    this.#topics.set(topic, options);
    this.#announce();
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(topic);
    this.#announce();
  }

  isSubscribed(topic: string): boolean {
    return this.#topics.has(topic);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const id = `${this.#overlay.self}/${this.#sequence++}`;
    const envelope: Envelope = { topic, from: this.#overlay.self, data, id };
    this.#isNew(id);
    if (this.#forward(envelope, undefined) === 0 && !this.#topics.has(topic))
      throw discoveryErrors.create('GOSSIP_FAILED', 'no neighbour is on the topic');
  }

  /** Connections or subscriptions of neighbours have changed. */
  topologyChanged(): void {
    this.#meshes.clear();
  }

  #announce(): void {
    this.topologyChanged();
    for (const neighbour of this.#neighbours()) neighbour.gossip.topologyChanged();
  }

  #neighbours(): readonly SimOverlay[] {
    const out: SimOverlay[] = [];
    for (const peer of this.#overlay.neighbours()) {
      const connection = this.#overlay.connectionWith(peer);
      if (connection !== undefined) out.push(connection.other(this.#overlay).endpoint as SimOverlay);
    }
    return out;
  }

  #onTopic(topic: string): readonly SimOverlay[] {
    let mesh = this.#meshes.get(topic);
    if (mesh === undefined) {
      mesh = this.#random.shuffled(this.#neighbours().filter(({ gossip }) => gossip.isSubscribed(topic)));
      this.#meshes.set(topic, mesh);
    }
    return mesh;
  }

  #forward(envelope: Envelope, except: PeerId | undefined): number {
    const all = this.#onTopic(envelope.topic).filter(({ self }) => self !== except && self !== envelope.from);
    const pushed = all.length <= MESH_MAX ? all : all.slice(0, MESH_SIZE);
    for (const neighbour of pushed) this.#send(neighbour, envelope);
    const lazy = all.slice(pushed.length, pushed.length + LAZY_PEERS);
    if (lazy.length > 0) {
      this.#overlay.process.after(this.#random.between(0, HEARTBEAT_MS), () => {
        for (const neighbour of lazy) this.#offer(neighbour, envelope);
      });
    }
    return all.length;
  }

  #send(neighbour: SimOverlay, envelope: Envelope): void {
    const bytes = envelope.data.length + ENVELOPE_BYTES;
    this.#overlay.network.message(this.#overlay, neighbour, bytes, `gossip ${envelope.topic}`, () =>
      neighbour.gossip.#receive(envelope, this.#overlay.self),
    );
  }

  #offer(neighbour: SimOverlay, envelope: Envelope): void {
    const protocol = `gossip ${envelope.topic}`;
    const { network } = this.#overlay;
    network.message(this.#overlay, neighbour, IHAVE_BYTES, protocol, () => {
      if (neighbour.gossip.#hasSeen(envelope.id)) return;
      network.message(neighbour, this.#overlay, IHAVE_BYTES, protocol, () => this.#send(neighbour, envelope));
    });
  }

  #receive(envelope: Envelope, forwarder: PeerId): void {
    const subscription = this.#topics.get(envelope.topic);
    if (subscription === undefined || !this.#isNew(envelope.id)) return;
    const { sim } = this.#overlay.network;
    sim.trace.note(sim.now, this.#overlay.self, envelope.topic, envelope.id, envelope.data.length);
    const verdict = subscription.validate(envelope);
    if (verdict === 'reject') this.rejected += 1;
    if (verdict !== 'accept') return;
    this.#forward(envelope, forwarder);
    subscription.deliver?.(envelope);
  }

  #hasSeen(id: string): boolean {
    return this.#seen.has(id) || this.#seenBefore.has(id);
  }

  #isNew(id: string): boolean {
    const now = this.#overlay.process.monotonic();
    if (now - this.#seenSince > SEEN_MS) {
      this.#seenBefore = this.#seen;
      this.#seen = new Set();
      this.#seenSince = now;
    }
    if (this.#hasSeen(id)) return false;
    this.#seen.add(id);
    return true;
  }
}
