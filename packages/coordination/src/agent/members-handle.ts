import type { ClusterMembers } from '../parts.ts';
import type { ClusterNode } from '../types.ts';

/** Members whose source is put in later, or replaced: parts that are built before it hold this. */
export class MembersHandle implements ClusterMembers {
  readonly #listeners = new Set<() => void>();
  readonly #self: string;
  #source: ClusterMembers | undefined;
  #ending: (() => void) | undefined;

  constructor(self: string) {
    this.#self = self;
  }

  /** Takes the views from this source from now on. */
  use(source: ClusterMembers): void {
    this.#ending?.();
    this.#source = source;
    this.#ending = source.onChange(() => this.#tell());
    this.#tell();
  }

  self(): string {
    return this.#self;
  }

  snapshot(): readonly ClusterNode[] {
    return this.#source?.snapshot() ?? NOBODY;
  }

  bootstrapSnapshot(): readonly ClusterNode[] {
    return this.#source?.bootstrapSnapshot() ?? NOBODY;
  }

  runningCount(): number {
    return this.#source?.runningCount() ?? 0;
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await this.#source?.waitForSync(signal);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const NOBODY: readonly ClusterNode[] = [];
