/**
 * The peers of the last run in a file. Fault model: the file may be missing, torn, or anybody's: what is no list of
 * peers is refused as a whole, and whoever loads it goes on without.
 */

import { errorCode, type Storage } from '@muster/core';
import { discoveryErrors } from '../errors.ts';
import { isPeerId } from '../wire/addresses.ts';
import type { SeenPeer, SeenPeers } from './parts.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const VERSION = 1;

/** Keeps the list at `path`, whose directory exists. While it is being saved, further lists are left out. */
export class SeenPeersFile implements SeenPeers {
  readonly #storage: Storage;
  readonly #path: string;
  #isSaving = false;

  constructor(storage: Storage, path: string) {
    this.#storage = storage;
    this.#path = path;
  }

  /** Empty when there is no file. Rejects STORE_INVALID. */
  async load(): Promise<readonly SeenPeer[]> {
    const bytes = await this.#read();
    if (bytes === undefined) return [];
    try {
      return parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      throw discoveryErrors.create('STORE_INVALID', `${this.#path} holds no list of peers`, { cause });
    }
  }

  /** Replaces the file. Rejects with the system's error. */
  async save(peers: readonly SeenPeer[]): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    try {
      const text = JSON.stringify({
        version: VERSION,
        peers: peers.map(({ peer, seenAt }) => [peer, seenAt]),
      });
      await this.#replace(new TextEncoder().encode(text));
    } finally {
      this.#isSaving = false;
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const file = await this.#storage.open(this.#path, 'read');
      try {
        const size = await file.size();
        return await file.read(0, Math.min(size, MAX_FILE_BYTES));
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #replace(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`;
    try {
      await this.#storage.remove(temporary);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    const file = await this.#storage.open(temporary, 'create');
    try {
      await file.write(0, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#storage.rename(temporary, this.#path);
  }
}

function parse(text: string): readonly SeenPeer[] {
  const value = JSON.parse(text) as { readonly version?: unknown; readonly peers?: unknown } | null;
  if (value?.version !== VERSION || !Array.isArray(value.peers)) throw new TypeError('another format');
  return value.peers.map((item: unknown) => {
    const [peer, seenAt] = Array.isArray(item) ? (item as unknown[]) : [];
    if (typeof peer !== 'string' || !isPeerId(peer) || !Number.isFinite(seenAt)) {
      throw new TypeError('an entry that is no peer');
    }
    return { peer, seenAt: seenAt as number };
  });
}
