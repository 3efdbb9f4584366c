/**
 * Files, as a port: what the log, the snapshots and the side files need of a disk, and nothing more.
 *
 * Fault model (what an implementation may do to its caller): any call may reject with an `Error` that has a
 * POSIX `code` (`ENOSPC`, `EIO`, `ENOENT`, `EEXIST`, …). After a crash, writes that no completed `sync` covers may
 * be present, absent, torn at any byte, or applied in any order; creations, renames and removals that no completed
 * `syncDirectory` covers may be undone, in any order. What was synced is there. A failed `sync` says nothing
 * about what is on the disk, now or later, so it must never be repeated in the hope of success.
 */
export interface Storage {
  /**
   * Opens a file.
   *
   * - `read`: must exist, read only.
   * - `write`: must exist, read and write.
   * - `create`: must not exist (`EEXIST`), read and write, mode 0600.
   */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<StorageFile>;
  /** Replaces `to`, if it is there, atomically as seen by other readers. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; rejects with `ENOENT` when there is none. */
  remove(path: string): Promise<void>;
  /** The entries of a directory in ascending order of name; rejects with `ENOENT` when there is none. */
  list(directory: string): Promise<readonly StorageEntry[]>;
  /** Creates the directory (mode 0700) and its parents, where missing; durable when it resolves. */
  makeDirectory(directory: string): Promise<void>;
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

/** One entry of a directory. */
export interface StorageEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Size in bytes (0 for anything but a file). */
  readonly size: number;
}

/** An open file. Calls on one file may overlap; the caller orders those that must be ordered. */
export interface StorageFile {
  /** Up to `length` bytes from `position`; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `position` and says how many bytes it got; fewer than asked only at the end of the file. */
  readInto(position: number, target: Uint8Array): Promise<number>;
  /** Writes all of `data` at `position`, extending the file where needed. The caller leaves `data` alone until then. */
  write(position: number, data: Uint8Array): Promise<void>;
  /** Makes all completed writes and truncations of this file durable (fdatasync). */
  sync(): Promise<void>;
  /** Cuts or extends (with zeros) the file to `length` bytes. */
  truncate(length: number): Promise<void>;
  /** Current size in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}
