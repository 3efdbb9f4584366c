import type { Random, StorageEntry } from '../ports/index.ts';

/** One change to the disk. */
export type DiskOperation =
  | { readonly kind: 'create'; readonly path: string }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly file: number;
      readonly position: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'sync'; readonly path: string; readonly file: number }
  | { readonly kind: 'truncate'; readonly path: string; readonly file: number; readonly length: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'make-directory'; readonly path: string }
  | { readonly kind: 'sync-directory'; readonly path: string };

/** What becomes of changes that no completed sync covers, when the power goes. */
export interface CrashMode {
  /**
   * Unsynced writes and truncations of files.
   *
   * - `lost`: none is there.
   * - `kept`: all are there.
   * - `torn`: all are there, but of the last write to each file only the first `tornBytes` bytes, or, with
   *   `tornEnd`, only what follows them.
   * - `reordered`: each 512-byte sector of each write is there or not, as `random` says.
   */
  readonly data: 'lost' | 'kept' | 'torn' | 'reordered';
  readonly tornBytes?: number;
  readonly tornEnd?: boolean;
  /** Unsynced creations, renames and removals: none, all, or each as `random` says. */
  readonly names: 'lost' | 'kept' | 'random';
  readonly random?: Random;
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly data: Uint8Array; abandoned: boolean }
  | { readonly kind: 'truncate'; readonly length: number; abandoned: boolean };

type NameChange =
  | { readonly kind: 'set'; readonly directory: string; readonly path: string; readonly file: number }
  | { readonly kind: 'unset'; readonly directory: string; readonly path: string }
  | {
      readonly kind: 'move';
      readonly directory: string;
      readonly from: string;
      readonly to: string;
      readonly file: number;
    };

const SECTOR_BYTES = 512;

/** Bytes that can grow. */
class Content {
  bytes = new Uint8Array(0);
  length = 0;

  write(position: number, data: Uint8Array): void {
    this.resize(Math.max(this.length, position + data.length));
    this.bytes.set(data, position);
  }

  resize(length: number): void {
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2, 256));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    if (length < this.length) this.bytes.fill(0, length, this.length);
    this.length = length;
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.bytes.subarray(0, this.length));
    return copy;
  }
}

interface Inode {
  readonly visible: Content;
  readonly durable: Content;
  readonly unsynced: Change[];
}

function apply(content: Content, change: Change): void {
  if (change.kind === 'write') content.write(change.position, change.data);
  else content.resize(change.length);
}

/** An error as the system makes them. */
export function systemError(code: string, path: string): Error & { code: string } {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '.' : cut === 0 ? '/' : path.slice(0, cut);
}

/**
 * A disk in memory that knows what is visible, what is durable, and what lies between. Directories are durable
 * at once; the names in them after `sync-directory`; contents after `sync`.
 */
export class Disk {
  readonly #inodes: Inode[] = [];
  #visible = new Map<string, number>();
  #durable = new Map<string, number>();
  #unsyncedNames: NameChange[] = [];
  readonly #directories = new Set<string>(['/', '.']);

  lookup(path: string): number | undefined {
    return this.#visible.get(path);
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  size(file: number): number {
    return this.#inode(file).visible.length;
  }

  readInto(file: number, position: number, target: Uint8Array): number {
    const { visible } = this.#inode(file);
    const count = Math.max(0, Math.min(target.length, visible.length - position));
    target.set(visible.bytes.subarray(position, position + count));
    return count;
  }

  /** All of a file, or undefined when there is none. A view: copy it to keep it. */
  contents(path: string): Uint8Array | undefined {
    const file = this.#visible.get(path);
    if (file === undefined) return undefined;
    const { visible } = this.#inode(file);
    return visible.bytes.subarray(0, visible.length);
  }

  /** The paths of all files, in order. */
  paths(): string[] {
    return [...this.#visible.keys()].sort();
  }

  list(directory: string): StorageEntry[] {
    if (!this.#directories.has(directory)) throw systemError('ENOENT', directory);
    const entries: StorageEntry[] = [];
    for (const [path, file] of this.#visible) {
      if (parentOf(path) !== directory) continue;
      const name = path.slice(path.lastIndexOf('/') + 1);
      entries.push({ name, kind: 'file', size: this.size(file) });
    }
    for (const path of this.#directories) {
      if (path === directory || path === '.' || parentOf(path) !== directory) continue;
      entries.push({ name: path.slice(path.lastIndexOf('/') + 1), kind: 'directory', size: 0 });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Carries out a change, or throws as the system would. */
  perform(operation: DiskOperation): void {
    switch (operation.kind) {
      case 'create':
        this.#create(operation.path);
        return;
      case 'write': {
        const change: Change = {
          kind: 'write',
          position: operation.position,
          data: new Uint8Array(operation.data),
          abandoned: false,
        };
        this.#changeFile(operation.file, change);
        return;
      }
      case 'truncate':
        this.#changeFile(operation.file, { kind: 'truncate', length: operation.length, abandoned: false });
        return;
      case 'sync':
        this.#sync(operation.file);
        return;
      case 'rename':
        this.#rename(operation.from, operation.to);
        return;
      case 'remove':
        this.#remove(operation.path);
        return;
      case 'make-directory':
        for (let path = operation.path; !this.#directories.has(path); path = parentOf(path)) {
          this.#directories.add(path);
        }
        return;
      case 'sync-directory':
        this.#syncDirectory(operation.path);
        return;
      default: {
        const never: never = operation;
        throw new Error(`unknown operation ${String(never)}`);
      }
    }
  }

  /**
   * What a failed sync leaves: the changes stay visible, and no later sync will ever write them out, because the
   * system has marked them clean.
   */
  abandon(file: number): void {
    for (const change of this.#inode(file).unsynced) change.abandoned = true;
  }

  /** The disk after a crash: a new one, in which everything that is there is durable. */
  crash(mode: CrashMode): Disk {
    const after = new Disk();
    for (const directory of this.#directories) after.#directories.add(directory);
    for (const inode of this.#inodes) {
      const content = survivors(inode, mode);
      after.#inodes.push({ visible: content, durable: content.copy(), unsynced: [] });
    }
    const names = new Map(this.#durable);
    for (const change of this.#unsyncedNames) {
      const keep = mode.names === 'kept' || (mode.names === 'random' && (mode.random?.fraction() ?? 0) < 0.5);
      if (keep) applyName(names, change);
    }
    after.#visible = names;
    after.#durable = new Map(names);
    return after;
  }

  #inode(file: number): Inode {
    const inode = this.#inodes[file];
    if (inode === undefined) throw systemError('EBADF', `file ${file}`);
    return inode;
  }

  #create(path: string): void {
    const directory = parentOf(path);
    if (!this.#directories.has(directory)) throw systemError('ENOENT', path);
    if (this.#visible.has(path) || this.#directories.has(path)) throw systemError('EEXIST', path);
    const file = this.#inodes.length;
    this.#inodes.push({ visible: new Content(), durable: new Content(), unsynced: [] });
    this.#changeName({ kind: 'set', directory, path, file });
  }

  #changeFile(file: number, change: Change): void {
    const inode = this.#inode(file);
    apply(inode.visible, change);
    inode.unsynced.push(change);
  }

  #sync(file: number): void {
    const inode = this.#inode(file);
    const abandoned = inode.unsynced.filter((change) => change.abandoned);
    for (const change of inode.unsynced) if (!change.abandoned) apply(inode.durable, change);
    inode.unsynced.splice(0, inode.unsynced.length, ...abandoned);
  }

  #rename(from: string, to: string): void {
    const file = this.#visible.get(from);
    if (file === undefined) throw systemError('ENOENT', from);
    const directory = parentOf(to);
    if (!this.#directories.has(directory)) throw systemError('ENOENT', to);
    this.#changeName({ kind: 'move', directory, from, to, file });
  }

  #remove(path: string): void {
    if (!this.#visible.has(path)) throw systemError('ENOENT', path);
    this.#changeName({ kind: 'unset', directory: parentOf(path), path });
  }

  #changeName(change: NameChange): void {
    applyName(this.#visible, change);
    this.#unsyncedNames.push(change);
  }

  #syncDirectory(directory: string): void {
    if (!this.#directories.has(directory)) throw systemError('ENOENT', directory);
    this.#unsyncedNames = this.#unsyncedNames.filter((change) => {
      if (change.directory !== directory) return true;
      applyName(this.#durable, change);
      return false;
    });
  }
}

function applyName(names: Map<string, number>, change: NameChange): void {
  if (change.kind === 'set') names.set(change.path, change.file);
  else if (change.kind === 'unset') names.delete(change.path);
  else {
    if (names.get(change.from) === change.file) names.delete(change.from);
    names.set(change.to, change.file);
  }
}

function survivors(inode: Inode, mode: CrashMode): Content {
  const content = inode.durable.copy();
  if (mode.data === 'lost') return content;
  const last = inode.unsynced.length - 1;
  for (const [index, change] of inode.unsynced.entries()) {
    if (change.kind === 'truncate') {
      if (mode.data !== 'reordered' || (mode.random?.fraction() ?? 0) < 0.5) apply(content, change);
    } else if (mode.data === 'reordered') {
      keepSectors(content, change.position, change.data, mode.random);
    } else if (mode.data === 'torn' && index === last) {
      const cut = Math.min(mode.tornBytes ?? 0, change.data.length);
      if (mode.tornEnd === true) content.write(change.position + cut, change.data.subarray(cut));
      else content.write(change.position, change.data.subarray(0, cut));
    } else {
      apply(content, change);
    }
  }
  return content;
}

function keepSectors(content: Content, position: number, data: Uint8Array, random?: Random): void {
  let start = 0;
  while (start < data.length) {
    const end = Math.min(data.length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
    if ((random?.fraction() ?? 0) < 0.5) content.write(position + start, data.subarray(start, end));
    start = end;
  }
}
