import { MusterError } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { StoreFile, StoreFiles } from './files.ts';

interface MemoryFile {
  bytes: Uint8Array;
  size: number;
  modifiedAt: number;
  /** What a crash leaves of it: what was last synced. */
  durable: Uint8Array | undefined;
}

type Operation = keyof StoreFiles | keyof StoreFile;

/**
 * A disk in memory, for simulations and tests: it can be full, fail on purpose, and lose what was not synced. Removals,
 * renames and creations count as durable at once; torn ones are the business of tests with real files.
 */
export class MemoryFiles implements StoreFiles {
  readonly #files = new Map<string, MemoryFile>();
  readonly #directories = new Set<string>();
  readonly #locked = new Set<string>();
  readonly #now: () => number;
  #capacityBytes: number;

  /** Called before each operation; what it throws is the operation's error. */
  beforeEach: (operation: Operation, path: string) => void = () => {};

  constructor(options: { readonly now: () => number; readonly capacityBytes?: number }) {
    this.#now = options.now;
    this.#capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** Paths of all files, in order. */
  get paths(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  get usedBytes(): number {
    let used = 0;
    for (const file of this.#files.values()) used += file.size;
    return used;
  }

  /** Changes the size of the disk. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  /** Content of a file, or undefined. */
  content(path: string): Uint8Array | undefined {
    const file = this.#files.get(path);
    return file?.bytes.slice(0, file.size);
  }

  /** Puts a file there, or removes it. */
  put(path: string, content: Uint8Array | undefined, modifiedAt = this.#now()): void {
    if (content === undefined) this.#files.delete(path);
    else {
      this.#files.set(path, {
        bytes: content.slice(),
        size: content.length,
        modifiedAt,
        durable: content.slice(),
      });
    }
  }

  /** Power failure: what was not synced is gone, locks are free. */
  crash(): void {
    this.#locked.clear();
    for (const file of this.#files.values()) {
      file.bytes = file.durable?.slice() ?? new Uint8Array(0);
      file.size = file.bytes.length;
    }
  }

  async create(path: string): Promise<StoreFile> {
    this.beforeEach('create', path);
    if (this.#files.has(path)) throw systemError('EEXIST', path);
    const file: MemoryFile = {
      bytes: new Uint8Array(0),
      size: 0,
      modifiedAt: this.#now(),
      durable: undefined,
    };
    this.#files.set(path, file);
    return this.#open(path, file);
  }

  async open(path: string): Promise<StoreFile> {
    this.beforeEach('open', path);
    const file = this.#files.get(path);
    if (file === undefined) throw systemError('ENOENT', path);
    return this.#open(path, file);
  }

  async stat(path: string): Promise<{ readonly size: number; readonly modifiedAt: number } | undefined> {
    this.beforeEach('stat', path);
    const file = this.#files.get(path);
    return file === undefined ? undefined : { size: file.size, modifiedAt: file.modifiedAt };
  }

  async rename(from: string, to: string): Promise<void> {
    this.beforeEach('rename', from);
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  async remove(path: string): Promise<void> {
    this.beforeEach('remove', path);
    this.#files.delete(path);
    for (const other of this.#files.keys()) if (other.startsWith(`${path}/`)) this.#files.delete(other);
  }

  async list(
    directory: string,
  ): Promise<readonly { readonly name: string; readonly isDirectory: boolean }[]> {
    this.beforeEach('list', directory);
    const found = new Map<string, boolean>();
    for (const path of [...this.#files.keys(), ...[...this.#directories].map((name) => `${name}/`)]) {
      if (!path.startsWith(`${directory}/`)) continue;
      const rest = path.slice(directory.length + 1);
      const slash = rest.indexOf('/');
      const name = slash < 0 ? rest : rest.slice(0, slash);
      if (name !== '') found.set(name, slash >= 0 || found.get(name) === true);
    }
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, isDirectory]) => ({ name, isDirectory }));
  }

  async makeDirectory(directory: string): Promise<void> {
    this.beforeEach('makeDirectory', directory);
    this.#directories.add(directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    this.beforeEach('syncDirectory', directory);
  }

  async freeBytes(directory: string): Promise<number | undefined> {
    this.beforeEach('freeBytes', directory);
    return this.#isBounded ? Math.max(0, this.#capacityBytes - this.usedBytes) : this.#capacityBytes;
  }

  async lock(directory: string): Promise<() => Promise<void>> {
    if (this.#locked.has(directory)) {
      throw coordinationErrors.create('STORE_LOCKED', `${directory} is in use`, { details: { directory } });
    }
    this.#locked.add(directory);
    return async () => void this.#locked.delete(directory);
  }

  get #isBounded(): boolean {
    return this.#capacityBytes < Number.MAX_SAFE_INTEGER;
  }

  #open(path: string, file: MemoryFile): StoreFile {
    return {
      read: async (position, target) => {
        this.beforeEach('read', path);
        const part = file.bytes.subarray(position, Math.min(file.size, position + target.length));
        target.set(part);
        return part.length;
      },
      write: async (position, data) => {
        this.beforeEach('write', path);
        const end = position + data.length;
        const growth = Math.max(0, end - file.size);
        if (this.#isBounded && this.usedBytes + growth > this.#capacityBytes)
          throw systemError('ENOSPC', path);
        if (end > file.bytes.length) {
          const grown = new Uint8Array(Math.max(end, 2 * file.bytes.length));
          grown.set(file.bytes.subarray(0, file.size));
          file.bytes = grown;
        }
        file.bytes.set(data, position);
        file.size = Math.max(file.size, end);
        file.modifiedAt = this.#now();
      },
      sync: async () => {
        this.beforeEach('sync', path);
        file.durable = file.bytes.slice(0, file.size);
      },
      size: async () => {
        this.beforeEach('size', path);
        return file.size;
      },
      close: async () => {},
    };
  }
}

/** An error as the operating system's. */
function systemError(code: string, path: string): MusterError {
  return new MusterError(code, `${code}: ${path}`);
}
