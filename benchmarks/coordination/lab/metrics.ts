/** Prometheus text, read for sums. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** What one or more processes measured. */
export class Samples {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  static parse(...texts: readonly string[]): Samples {
    return new Samples(texts.flatMap((text) => text.split('\n').flatMap(readLine)));
  }

  /** Sum of all series of the name that have these labels; 0 without any. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    return this.#samples
      .filter(
        (sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** Sums by the values of one label. */
  by(name: string, label: string): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const sample of this.#samples) {
      if (sample.name !== name) continue;
      const key = sample.labels[label] ?? '';
      sums[key] = (sums[key] ?? 0) + sample.value;
    }
    return sums;
  }
}

function readLine(line: string): readonly Sample[] {
  const [, name, labelText = '', value] = LINE.exec(line) ?? [];
  if (name === undefined) return [];
  const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map(([, key, text]) => [key, text]));
  return [{ name, labels, value: Number(value) }];
}
