import { coordinationErrors } from '../errors.ts';
import type { ClusterNode } from '../types.ts';

/** What a source of members has seen last. */
export interface ViewContent {
  /** Ready nodes. */
  readonly ready: readonly ClusterNode[];
  /** Running nodes with published p2p addresses. */
  readonly bootstrap: readonly ClusterNode[];
  readonly running: number;
}

/**
 * The views of a source (coordination spec 18.1). Lists are replaced as a whole and only when something is different, so that the
 * same list is the same view; listeners hear of every replacement.
 */
export class MemberView {
  readonly #listeners = new Set<() => void>();
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  #content: ViewContent = { ready: [], bootstrap: [], running: 0 };
  #text = '';

  get ready(): readonly ClusterNode[] {
    return this.#content.ready;
  }

  get bootstrap(): readonly ClusterNode[] {
    return this.#content.bootstrap;
  }

  get running(): number {
    return this.#content.running;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Puts in what the source says now; nodes may come in any order, of two with one id the first stays. */
  replace(content: ViewContent): void {
    const sorted = {
      ready: sortedById(content.ready),
      bootstrap: sortedById(content.bootstrap),
      running: content.running,
    };
    const text = JSON.stringify(sorted);
    const isFirst = !this.#isSynced;
    this.#isSynced = true;
    if (text !== this.#text) {
      this.#text = text;
      this.#content = sorted;
      for (const listener of this.#listeners) listener();
    }
    if (isFirst) this.#synced.resolve();
  }

  /** Resolves when there has been a first view. Rejects with the signal's reason. */
  async waitForSync(signal: AbortSignal): Promise<void> {
    if (this.#isSynced) return;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void =>
      aborted.reject(
        coordinationErrors.create('MEMBERS_INVALID', 'no list of members was seen in time', {
          cause: signal.reason,
        }),
      );
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#synced.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function sortedById(nodes: readonly ClusterNode[]): readonly ClusterNode[] {
  const byId = new Map<string, ClusterNode>();
  for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, node);
  return [...byId.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
}
