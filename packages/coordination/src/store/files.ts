/**
 * The disk, as the content store needs it.
 *
 * Fault model: any call may reject with an `Error` that has a POSIX `code`. After a crash, writes that no completed
 * `sync` covers may be torn or absent, and creations, renames and removals that no completed `syncDirectory` covers may
 * be undone. A failed `sync` says nothing about what is on the disk and is never repeated.
 */
export interface StoreFiles {
  /** A new file, read and write, mode 0644; rejects with `EEXIST` when it is there. */
  create(path: string): Promise<StoreFile>;
  /** An existing file, read only; rejects with `ENOENT`. */
  open(path: string): Promise<StoreFile>;
  /** Undefined when there is no such file. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Replaces `to`, atomically as seen by others. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all that is in it. Harmless when there is none. */
  remove(path: string): Promise<void>;
  /** Names in the directory, in ascending order; none when there is no such directory. */
  list(directory: string): Promise<readonly { readonly name: string; readonly isDirectory: boolean }[]>;
  /** Creates the directory, mode 0755, with its parents. */
  makeDirectory(directory: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
  /** Free bytes of the file system for this process; undefined when that cannot be told. */
  freeBytes(directory: string): Promise<number | undefined>;
  /** Makes this process the only user of the directory; rejects STORE_LOCKED. Resolves with the function that ends it. */
  lock(directory: string): Promise<() => Promise<void>>;
}

export interface FileFacts {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** An open file. It stays readable after the file was renamed or removed. */
export interface StoreFile {
  /** Fills `target` from `position`; resolves with fewer bytes only at the end of the file. */
  read(position: number, target: Uint8Array): Promise<number>;
  /** Writes all of `data`; the caller leaves it alone until then. */
  write(position: number, data: Uint8Array): Promise<void>;
  /** Makes all that was written durable. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}
