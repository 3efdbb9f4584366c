import type { ClusterMembers, ClusterNode } from '@muster/coordination';

/** What one agent believes of the cluster. It learns of changes late, and may never see some of the nodes. */
export class SimMembers implements ClusterMembers {
  readonly #self: string;
  readonly #hidden: ReadonlySet<string>;
  readonly #ready = new Map<string, ClusterNode>();
  readonly #running = new Map<string, ClusterNode>();
  readonly #listeners = new Set<() => void>();
  #snapshot: readonly ClusterNode[] | undefined;
  #bootstrap: readonly ClusterNode[] | undefined;

  constructor(self: string, nodes: readonly ClusterNode[], hidden: ReadonlySet<string>) {
    this.#self = self;
    this.#hidden = hidden;
    for (const node of nodes) this.#put(node, true);
  }

  self(): string {
    return this.#self;
  }

  snapshot(): readonly ClusterNode[] {
    this.#snapshot ??= sorted(this.#ready);
    return this.#snapshot;
  }

  bootstrapSnapshot(): readonly ClusterNode[] {
    this.#bootstrap ??= sorted(this.#running);
    return this.#bootstrap;
  }

  runningCount(): number {
    return this.#running.size;
  }

  async waitForSync(): Promise<void> {}

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The change has got here. */
  apply(node: ClusterNode, isReady: boolean): void {
    if (this.#hidden.has(node.id)) return;
    this.#put(node, isReady);
    this.#snapshot = undefined;
    this.#bootstrap = undefined;
    for (const listener of this.#listeners) listener();
  }

  #put(node: ClusterNode, isReady: boolean): void {
    if (this.#hidden.has(node.id)) return;
    if (isReady) this.#ready.set(node.id, node);
    else this.#ready.delete(node.id);
    this.#running.set(node.id, node);
  }
}

function sorted(nodes: ReadonlyMap<string, ClusterNode>): readonly ClusterNode[] {
  return [...nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
