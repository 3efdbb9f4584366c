/** Which number the registry has given to a peer: asked in the background, since members register in their own time. */
import type { RegistryClient } from '@muster/client';
import { peerIdOf } from '@muster/core/identity';
import type { Timers } from '@muster/core';
import { fleetRegistryClient } from '../fleet/registry-client.ts';

const TIMEOUT_MS = 3_000;
const POLL_MS = 500;
/** How long a peer is looked for before it is left alone until the next one starts. */
const MAX_POLLS = 60;
const PAGE_SIZE = 10_000;

export interface NumbersOptions {
  readonly timers: Timers;
  /** `host:port` */
  readonly registry: string;
  readonly network: () => number;
  /** Peer ids whose number is not known. */
  readonly wanted: () => readonly string[];
  /** Told once for each. */
  readonly onFound: (peerId: string, nodeId: number) => void;
}

/** Looks for the numbers of peers in the network. */
export class RegistryNumbers {
  readonly #options: NumbersOptions;
  readonly #stopping = new AbortController();
  readonly #peers = new Map<number, string>();
  #looking: Promise<void> | undefined;

  constructor(options: NumbersOptions) {
    this.#options = options;
  }

  /** Begins to look, unless it is looking already. Returns at once. */
  look(): void {
    this.#looking ??= this.#run().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
  }

  async #run(): Promise<void> {
    const { timers, registry, wanted } = this.#options;
    const { signal } = this.#stopping;
    await using client = fleetRegistryClient(registry, { timeoutMs: TIMEOUT_MS });
    for (let polls = 0; polls < MAX_POLLS && wanted().length > 0 && !signal.aborted; polls += 1) {
      // A registry that does not answer, as in a demo, is asked again.
      await this.#ask(client).catch(() => {});
      if (wanted().length > 0) await timers.sleep(POLL_MS, signal).catch(() => {});
    }
  }

  async #ask(client: RegistryClient): Promise<void> {
    const { network, wanted, onFound } = this.#options;
    const { signal } = this.#stopping;
    const { nodes } = await client.listNodes(network(), { pageSize: PAGE_SIZE, signal });
    for (const { nodeId } of nodes) {
      if (this.#peers.has(nodeId)) continue;
      const { publicKey } = await client.lookup(nodeId, { signal });
      if (publicKey !== undefined) this.#peers.set(nodeId, peerIdOf(publicKey));
    }
    const missing = new Set(wanted());
    for (const [nodeId, peerId] of this.#peers) if (missing.has(peerId)) onFound(peerId, nodeId);
  }
}
