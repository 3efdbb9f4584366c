import type { ConnectionPolicy, ConnectionVerdict } from '@muster/discovery/host';
import type { RegistryMembership } from './registry-membership.ts';

/**
 * Who may connect with a process: once the registry has told who belongs to the network, its members and those that the operator
 * has named, and nobody else; before that, and without a network, whoever has the pre-shared key. Cuts of drills come on top.
 */
export class PeerPolicy implements ConnectionPolicy {
  readonly #membership: RegistryMembership | undefined;
  readonly #named: ReadonlySet<string>;
  readonly #listeners = new Set<() => void>();
  #cut: ReadonlySet<string> = new Set();

  /** `named`: peer ids that are always admitted, such as seeds of the configuration. */
  constructor(membership: RegistryMembership | undefined, named: Iterable<string>) {
    this.#membership = membership;
    this.#named = new Set(named);
  }

  judge(peer: string): ConnectionVerdict {
    if (this.#cut.has(peer)) return 'unreachable';
    const isOpen = this.#membership?.list() === undefined;
    if (isOpen || this.#named.has(peer) || this.#membership?.member(peer) !== undefined) return 'allowed';
    return 'refused';
  }

  async reconsider(peer: string): Promise<void> {
    if (this.judge(peer) === 'refused') await this.#membership?.reconsider();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    const stopHearing = this.#membership?.onChange(listener);
    return () => {
      this.#listeners.delete(listener);
      stopHearing?.();
    };
  }

  /** For drills: the network to these peers is cut, and to those named before no longer. */
  cut(peers: Iterable<string>): void {
    this.#cut = new Set(peers);
    for (const listener of this.#listeners) listener();
  }
}
