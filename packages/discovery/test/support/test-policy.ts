import type { ConnectionPolicy, ConnectionVerdict } from '../../src/overlay/connection-policy.ts';
import type { PeerId } from '../../src/wire/messages.ts';

/** A policy that says what it is told to. */
export class TestPolicy implements ConnectionPolicy {
  readonly #verdicts = new Map<PeerId, ConnectionVerdict>();
  readonly #listeners = new Set<() => void>();
  /** Who was about to be refused. */
  readonly reconsidered: PeerId[] = [];
  /** What is learned of a peer that is about to be refused. */
  onReconsider: (peer: PeerId) => Promise<void> = () => Promise.resolve();

  judge(peer: PeerId): ConnectionVerdict {
    return this.#verdicts.get(peer) ?? 'allowed';
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async reconsider(peer: PeerId): Promise<void> {
    this.reconsidered.push(peer);
    await this.onReconsider(peer);
  }

  set(peer: PeerId, verdict: ConnectionVerdict): void {
    this.#verdicts.set(peer, verdict);
    for (const listener of this.#listeners) listener();
  }
}
