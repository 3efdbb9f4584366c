import type { LogEntry } from '@muster/core';
import type { OperatorFiles } from '../../src/operator-files/index.ts';

/** Operator files in memory, edited by the test as an operator would. */
export class MemoryOperatorFiles implements OperatorFiles {
  readonly texts = new Map<string, { text: string; modifiedMs: number }>();
  /** Thrown by the next calls while set. */
  failure: Error | undefined;
  reads = 0;
  #version = 0;

  edit(path: string, text: string): void {
    this.texts.set(path, { text, modifiedMs: ++this.#version });
  }

  async stamp(path: string) {
    if (this.failure !== undefined) throw this.failure;
    const found = this.texts.get(path);
    return found && { modifiedMs: found.modifiedMs, sizeBytes: found.text.length };
  }

  async read(path: string) {
    if (this.failure !== undefined) throw this.failure;
    this.reads += 1;
    const found = this.texts.get(path);
    if (found === undefined)
      throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT', syscall: 'open' });
    return found.text;
  }

  async replace(path: string, text: string) {
    if (this.failure !== undefined) throw this.failure;
    this.edit(path, text);
  }
}

/** How many warnings a recording logger has. */
export function warnings(log: { readonly entries: readonly LogEntry[] }): number {
  return log.entries.filter((entry) => entry.level === 'warn').length;
}

/** Lets promises that are already settled run their continuations. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
