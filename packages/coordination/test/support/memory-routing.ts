import type { ContentRouting, PeerTarget } from '@muster/core';

/** A provider table in memory that can be told to fail or to keep silent. */
export class MemoryRouting implements ContentRouting {
  readonly provided: string[] = [];
  readonly withdrawn: string[] = [];
  readonly dialled: string[][] = [];
  readonly providers = new Map<string, PeerTarget[]>();
  routingTableSize = 0;
  answers = 0;
  error: Error | undefined;
  /** While set, announcements wait for it. */
  gate: Promise<void> | undefined;
  running = 0;
  mostRunning = 0;
  readonly #self: PeerTarget;

  constructor(self: string) {
    this.#self = { id: self, addresses: ['/ip4/10.0.0.1/tcp/4001'] };
  }

  async provide(sha256: Uint8Array): Promise<void> {
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await this.gate;
      if (this.error !== undefined) throw this.error;
      const key = Buffer.from(sha256).toString('hex');
      this.provided.push(`sha256:${key}`);
      this.providers.set(key, [...(this.providers.get(key) ?? []), this.#self]);
    } finally {
      this.running -= 1;
    }
  }

  async withdraw(sha256: Uint8Array): Promise<void> {
    this.withdrawn.push(`sha256:${Buffer.from(sha256).toString('hex')}`);
  }

  async findProviders(sha256: Uint8Array): Promise<readonly PeerTarget[]> {
    await this.gate;
    if (this.error !== undefined) throw this.error;
    return this.providers.get(Buffer.from(sha256).toString('hex')) ?? [];
  }

  async bootstrap(peers: readonly PeerTarget[]): Promise<number> {
    this.dialled.push(peers.map(({ id }) => id));
    return Math.min(this.answers, peers.length);
  }
}
