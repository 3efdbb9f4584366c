import { Disk, systemError } from './memory-disk.ts';
import type { CrashMode, DiskOperation } from './memory-disk.ts';
import { MemoryStorage } from './memory-storage.ts';

/** One fault: which change fails, how, and what it does all the same. */
export interface StorageFault {
  /** The number of the change that fails, from 1. */
  readonly at: number;
  /** The code of the error, such as `EIO` or `ENOSPC`. */
  readonly code: string;
  /** Of a write: how many bytes reach the file before it fails. @default 0 */
  readonly writtenBytes?: number;
}

/**
 * Files in memory that fail on demand. Every change (creation, write, sync, truncation, rename, removal, directory
 * sync) is counted and recorded; the change with a given number can fail, and the disk as it was after any change
 * can be rebuilt and crashed in many ways. A failed sync loses its writes for good, as on a real system.
 */
export class FaultStorage extends MemoryStorage {
  /** Everything that was changed, in order; kept only when asked for. */
  readonly journal: DiskOperation[] = [];
  /** What was made to fail, in order. */
  readonly failed: DiskOperation[] = [];
  readonly #faults: StorageFault[] = [];
  readonly #record: boolean;
  #changes = 0;
  #halted = false;

  constructor(options: { disk?: Disk; faults?: readonly StorageFault[]; record?: boolean } = {}) {
    super(options.disk);
    this.#faults.push(...(options.faults ?? []));
    this.#record = options.record ?? true;
  }

  /** How many changes were asked for so far. */
  get changes(): number {
    return this.#changes;
  }

  /** From now on every call fails, as for a process that is gone. */
  halt(): void {
    this.#halted = true;
  }

  /** Adds a fault. Numbers count from the beginning of this storage. */
  inject(fault: StorageFault): void {
    this.#faults.push(fault);
  }

  /** A process that starts again on the same running system: everything visible stays visible. */
  restart(): FaultStorage {
    this.halt();
    return new FaultStorage({ disk: this.disk });
  }

  /** The storage after a crash of the whole machine, with everything that was done so far. */
  crash(mode: CrashMode): FaultStorage {
    this.halt();
    return new FaultStorage({ disk: this.disk.crash(mode) });
  }

  /** The disk as it was after the first `count` changes of the journal (which must have begun with an empty disk). */
  diskAfter(count: number): Disk {
    const disk = new Disk();
    for (const operation of this.journal.slice(0, count)) disk.perform(operation);
    return disk;
  }

  protected override async change(operation: DiskOperation): Promise<void> {
    await Promise.resolve();
    const number = ++this.#changes;
    this.#refuseIfHalted();
    const fault = this.#faults.find((candidate) => candidate.at === number);
    if (fault === undefined) {
      this.disk.perform(operation);
      if (this.#record) this.journal.push(ownData(operation));
      return;
    }
    this.failed.push(operation);
    if (operation.kind === 'write' && (fault.writtenBytes ?? 0) > 0) {
      this.disk.perform({ ...operation, data: operation.data.subarray(0, fault.writtenBytes) });
    } else if (operation.kind === 'sync') {
      this.disk.abandon(operation.file);
    }
    throw systemError(fault.code, operation.kind);
  }

  protected override async access(_path: string): Promise<void> {
    await Promise.resolve();
    this.#refuseIfHalted();
  }

  #refuseIfHalted(): void {
    if (this.#halted) throw systemError('EIO', 'the process is gone');
  }
}

function ownData(operation: DiskOperation): DiskOperation {
  return operation.kind === 'write' ? { ...operation, data: new Uint8Array(operation.data) } : operation;
}
