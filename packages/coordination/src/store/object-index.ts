import type { Digest } from '../types.ts';

/** What is known of a stored object without asking the disk. */
export interface IndexEntry {
  readonly digest: Digest;
  readonly size: number;
  /** Monotonic time at which the file was last seen with this size (16.3). */
  checkedAt: number;
}

/** The objects of a store in order of use, least recently used first (16.4), and their sum. */
export class ObjectIndex {
  readonly #entries = new Map<Digest, IndexEntry>();
  #totalBytes = 0;

  get totalBytes(): number {
    return this.#totalBytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  get(digest: Digest): IndexEntry | undefined {
    return this.#entries.get(digest);
  }

  /** Adds an object as the most recently used one. The same digest again is not counted twice. */
  add(digest: Digest, size: number, checkedAt: number): void {
    this.delete(digest);
    this.#entries.set(digest, { digest, size, checkedAt });
    this.#totalBytes += size;
  }

  /** Makes an object the most recently used one. */
  touch(digest: Digest): void {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
  }

  delete(digest: Digest): IndexEntry | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    this.#totalBytes -= entry.size;
    return entry;
  }

  /** Least recently used first. Entries may be removed meanwhile. */
  oldestFirst(): Iterable<IndexEntry> {
    return this.#entries.values();
  }

  /** The least recently used entry that is not of these. */
  oldestExcept(visited: ReadonlySet<Digest>): IndexEntry | undefined {
    for (const entry of this.#entries.values()) if (!visited.has(entry.digest)) return entry;
    return undefined;
  }
}
