import type { Storage, StorageEntry, StorageFile } from '../ports/index.ts';
import { Disk, systemError } from './memory-disk.ts';
import type { DiskOperation } from './memory-disk.ts';

/**
 * Files in memory, with the durability rules of the {@link Storage} port: what was not synced is remembered apart
 * from what was, so that {@link MemoryStorage.disk} can produce the states that a crash may leave.
 */
export class MemoryStorage implements Storage {
  readonly disk: Disk;

  constructor(disk: Disk = new Disk()) {
    this.disk = disk;
  }

  /** Carries out one change. The fault-injecting form overrides it. */
  protected async change(operation: DiskOperation): Promise<void> {
    await Promise.resolve();
    this.disk.perform(operation);
  }

  /** Called before something is read. The fault-injecting form overrides it. */
  protected async access(_path: string): Promise<void> {
    await Promise.resolve();
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<StorageFile> {
    if (mode === 'create') await this.change({ kind: 'create', path });
    else await this.access(path);
    const id = this.disk.lookup(path);
    if (id === undefined) throw systemError('ENOENT', path);
    return this.#file(id, path, mode !== 'read');
  }

  async rename(from: string, to: string): Promise<void> {
    await this.change({ kind: 'rename', from, to });
  }

  async remove(path: string): Promise<void> {
    await this.change({ kind: 'remove', path });
  }

  async list(directory: string): Promise<readonly StorageEntry[]> {
    await this.access(directory);
    return this.disk.list(directory);
  }

  async makeDirectory(directory: string): Promise<void> {
    if (this.disk.isDirectory(directory)) return;
    await this.change({ kind: 'make-directory', path: directory });
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.change({ kind: 'sync-directory', path: directory });
  }

  #file(id: number, path: string, writable: boolean): StorageFile {
    let open = true;
    const check = (write: boolean): void => {
      if (!open || (write && !writable)) throw systemError('EBADF', path);
    };
    const readInto = async (position: number, target: Uint8Array): Promise<number> => {
      check(false);
      await this.access(path);
      return this.disk.readInto(id, position, target);
    };
    return {
      async read(position, length) {
        const buffer = new Uint8Array(length);
        return buffer.subarray(0, await readInto(position, buffer));
      },
      readInto,
      write: async (position, data) => {
        check(true);
        await this.change({ kind: 'write', path, file: id, position, data });
      },
      sync: async () => {
        check(false);
        await this.change({ kind: 'sync', path, file: id });
      },
      truncate: async (length) => {
        check(true);
        await this.change({ kind: 'truncate', path, file: id, length });
      },
      size: async () => {
        check(false);
        await this.access(path);
        return this.disk.size(id);
      },
      async close() {
        open = false;
      },
    };
  }
}
