import { collectMirror, type MirrorSource } from './collect/mirror-source.ts';
import { collectRegistry, type RegistrySource } from './collect/registry-source.ts';
import type { Collector, CollectorParts } from './collect/source-loop.ts';
import { collectStatus, type StatusSource } from './collect/status-source.ts';

/** A service that a page asks. Ids are unique within one page. */
export type PageSource = RegistrySource | StatusSource | MirrorSource;

/** The sources of a page; they come and go while it is shown. */
export class PageSources {
  readonly #parts: CollectorParts;
  readonly #running = new Map<string, { readonly key: string; readonly collector: Collector }>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** Begins to ask a service. One with the same id is replaced, unless it is the same. */
  add(source: PageSource): void {
    const key = JSON.stringify(source);
    const running = this.#running.get(source.id);
    if (running?.key === key) return;
    running?.collector.stop();
    this.#running.set(source.id, { key, collector: this.#collect(source) });
  }

  remove(id: string): void {
    this.#running.get(id)?.collector.stop();
    this.#running.delete(id);
  }

  /** Asks these, and no others. */
  replace(sources: readonly PageSource[]): void {
    const wanted = new Set(sources.map(({ id }) => id));
    for (const id of this.#running.keys()) if (!wanted.has(id)) this.remove(id);
    for (const source of sources) this.add(source);
  }

  stop(): void {
    this.replace([]);
  }

  #collect(source: PageSource): Collector {
    switch (source.kind) {
      case 'registry':
        return collectRegistry(source, this.#parts);
      case 'status':
        return collectStatus(source, this.#parts);
      case 'mirror':
        return collectMirror(source, this.#parts);
      default:
        return source satisfies never;
    }
  }
}
