import { Hash64 } from './hash.ts';

/** A part of a trace entry. */
export type TracePart = string | number | boolean | undefined;

interface Entry {
  readonly at: number;
  readonly parts: readonly TracePart[];
}

/** Entries kept for a look at what came before a failure. */
const TAIL = 400;

/**
 * What happened in a run, as one running hash: two runs with the same hash did the same things at the same times, message
 * by message. The newest entries are kept as they are.
 */
export class Trace {
  readonly #hash = new Hash64(0x5eed);
  readonly #tail: (Entry | undefined)[] = Array.from({ length: TAIL });
  #entries = 0;

  /** Entries so far. */
  get entries(): number {
    return this.#entries;
  }

  note(at: number, ...parts: readonly TracePart[]): void {
    this.#hash.number(at);
    for (const part of parts) {
      if (typeof part === 'string') this.#hash.text(part);
      else if (typeof part === 'number') this.#hash.number(part);
      else this.#hash.word(part === undefined ? 3 : part ? 1 : 2);
    }
    this.#tail[this.#entries % TAIL] = { at, parts };
    this.#entries += 1;
  }

  /** 16 hex digits over everything so far. */
  get hash(): string {
    return this.#hash.toString();
  }

  /** The newest entries, oldest first, as lines. */
  tail(count = TAIL): readonly string[] {
    const lines: string[] = [];
    for (let i = Math.max(0, this.#entries - Math.min(count, TAIL)); i < this.#entries; i++) {
      const entry = this.#tail[i % TAIL];
      if (entry !== undefined)
        lines.push(
          `${(entry.at / 1000).toFixed(3)}s ${entry.parts.map((part) => shortened(part)).join(' ')}`,
        );
    }
    return lines;
  }
}

function shortened(part: TracePart): string {
  const text = String(part);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
