import { type Logger, systemTimers, type TimerHandle, type Timers } from '@muster/core';
import type { PeerId } from '../../wire/messages.ts';
import { MemoryPeerStore } from '../memory-peer-store.ts';
import type { PeerStore, Relation, StoredPeer } from '../peer-store.ts';
import { decodeStoredPeers, storedPeers, type StoredPeers } from '../stored-peers.ts';
import { JsonFile } from './json-file.ts';

/** A blacklisting by another program must take effect within a second (section 18). */
const POLL_MS = 250;

interface Write {
  readonly peer: StoredPeer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Peers in a file (section 23), for which see {@link JsonFile}. A peer can be read as soon as it is given to `upsert`,
 * which resolves when it is on the disk; writes that come together are written together. Changes that other programs
 * make are seen within a quarter of a second. While the file is damaged, reads give what was there before, and writes
 * reject with STORE_INVALID.
 */
export class FilePeerStore implements PeerStore {
  readonly #file: JsonFile<StoredPeers>;
  readonly #memory: MemoryPeerStore;
  readonly #logger: Logger | undefined;
  readonly #poll: TimerHandle;
  #queue: Write[] = [];
  /** Ends when nothing is being read or written; never rejects. */
  #work: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #isPolling = false;
  /** What was wrong with the file at the last look, so that it is logged once. */
  #complaint: string | undefined;

  private constructor(
    file: JsonFile<StoredPeers>,
    peers: readonly StoredPeer[],
    options: { readonly logger?: Logger; readonly timers?: Timers },
  ) {
    this.#file = file;
    this.#memory = new MemoryPeerStore(peers);
    this.#logger = options.logger;
    this.#poll = (options.timers ?? systemTimers).every(POLL_MS, () => void this.#look());
  }

  /** Reads the file; there need not be one. Rejects STORE_INVALID when it is damaged, STORE_FAILED on I/O errors. */
  static async open(
    path: string,
    options: { readonly logger?: Logger; readonly timers?: Timers } = {},
  ): Promise<FilePeerStore> {
    const file = new JsonFile(path, decodeStoredPeers);
    const content = await file.read();
    return new FilePeerStore(file, content?.peers ?? [], options);
  }

  get(id: string): StoredPeer | undefined {
    return this.#memory.get(id);
  }

  findByPeerId(peer: PeerId): StoredPeer | undefined {
    return this.#memory.findByPeerId(peer);
  }

  list(filter?: { readonly relation?: Relation }): readonly StoredPeer[] {
    return this.#memory.list(filter);
  }

  self(): StoredPeer | undefined {
    return this.#memory.self();
  }

  watch(listener: (peer: StoredPeer) => void): () => void {
    return this.#memory.watch(listener);
  }

  /** Rejects STORE_INVALID, STORE_FAILED; the peer can be read here all the same. */
  async upsert(peer: StoredPeer): Promise<void> {
    this.#memory.put(peer);
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ peer, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      this.#work = this.#work.then(async () => this.#write());
    });
  }

  /** Ends the watching, and resolves when all is written. */
  async close(): Promise<void> {
    this.#poll.cancel();
    await this.#work;
  }

  async #write(): Promise<void> {
    const writes = this.#queue;
    this.#queue = [];
    this.#isScheduled = false;
    try {
      const { peers } = await this.#file.update((content) => {
        const merged = new MemoryPeerStore(content?.peers);
        for (const { peer } of writes) merged.put(peer);
        return storedPeers(merged.list());
      });
      this.#adopt(peers);
      for (const { resolve } of writes) resolve();
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  /** Takes over what the file holds; what is not written yet is newer. */
  #adopt(peers: readonly StoredPeer[]): void {
    const merged = new MemoryPeerStore(peers);
    for (const { peer } of this.#queue) merged.put(peer);
    this.#memory.replaceAll(merged.list());
  }

  async #look(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#work = this.#work.then(async () => this.#reload());
    await this.#work;
    this.#isPolling = false;
  }

  async #reload(): Promise<void> {
    try {
      if (!(await this.#file.hasChanged())) return;
      const content = await this.#file.read();
      this.#adopt(content?.peers ?? []);
      this.#complaint = undefined;
    } catch (error) {
      const complaint = String(error);
      if (complaint !== this.#complaint) this.#logger?.error({ error }, 'the store of peers cannot be read');
      this.#complaint = complaint;
    }
  }
}
