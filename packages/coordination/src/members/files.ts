/** The files of members, as a port; `adapters/` has the host's. Paths are those of the settings. */
export interface MemberFiles {
  /** Changes whenever the file was replaced or written. Rejects when it is not there. */
  version(path: string): Promise<string>;
  /** Rejects MEMBERS_INVALID when the file is too long. */
  read(path: string): Promise<string>;
  /** The `.json` files of a folder. Makes the folder. */
  list(folder: string): Promise<readonly ListedFile[]>;
  /** Replaces the file atomically. */
  write(path: string, text: string): Promise<void>;
  /** Removes it; harmless when it has gone. */
  remove(path: string): Promise<void>;
}

export interface ListedFile {
  readonly name: string;
  /** Changes whenever the file was replaced. */
  readonly version: string;
  /** The last change, in milliseconds of the wall clock. */
  readonly changedAt: number;
}
