import type { ClusterMembers } from '../parts.ts';
import type { ClusterNode } from '../types.ts';
import { MemberView } from './member-view.ts';

/** A source of members that has to be started. */
export interface RunningMembers extends ClusterMembers {
  /** Begins to look. What goes wrong later is logged and leaves the last view. */
  start(): Promise<void>;
  /** Ends it; never rejects. */
  stop(): Promise<void>;
  readonly isSynced: boolean;
}

/** Where others reach this agent, as far as it is known; empty texts and lists are unknown. */
export type OwnEntry = ClusterNode;

/** The common part of the sources. */
export abstract class ViewedMembers implements RunningMembers {
  protected readonly view = new MemberView();
  readonly #self: string;

  constructor(self: string) {
    this.#self = self;
  }

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;

  get isSynced(): boolean {
    return this.view.isSynced;
  }

  self(): string {
    return this.#self;
  }

  snapshot(): readonly ClusterNode[] {
    return this.view.ready;
  }

  bootstrapSnapshot(): readonly ClusterNode[] {
    return this.view.bootstrap;
  }

  runningCount(): number {
    return this.view.running;
  }

  waitForSync(signal: AbortSignal): Promise<void> {
    return this.view.waitForSync(signal);
  }

  onChange(listener: () => void): () => void {
    return this.view.onChange(listener);
  }
}

/** One node alone (18.5). */
export class SingleMember extends ViewedMembers {
  readonly #entry: () => OwnEntry;

  constructor(self: string, entry: () => OwnEntry) {
    super(self);
    this.#entry = entry;
  }

  async start(): Promise<void> {
    this.refresh();
  }

  async stop(): Promise<void> {}

  /** Takes over addresses that have changed. */
  refresh(): void {
    const entry = this.#entry();
    this.view.replace({
      ready: [entry],
      bootstrap: entry.p2pAddrs.length > 0 ? [entry] : [],
      running: 1,
    });
  }
}
