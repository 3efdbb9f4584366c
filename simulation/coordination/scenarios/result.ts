/** A measured figure against its target. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value may be at most, or must be at least, this. Without both it is only told. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface ScenarioOptions {
  readonly seed: number;
  /** Smaller and shorter, for continuous integration. */
  readonly isQuick: boolean;
  readonly agents?: number;
}

export interface ScenarioResult {
  readonly figures: readonly Figure[];
  /** The running hash of all that has happened. */
  readonly hash: string;
  readonly virtualMs: number;
  readonly steps: number;
  /** Further lines to print. */
  readonly notes: readonly string[];
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** In the set for continuous integration. */
  readonly isQuick: boolean;
  run(options: ScenarioOptions): Promise<ScenarioResult>;
}

export type Target = Pick<Figure, 'atMost' | 'atLeast'>;

/** Collects the figures of a run. */
export class Report {
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];

  figure(name: string, value: number | undefined, unit: string, target: Target = {}): void {
    // What never came about fails every target.
    this.figures.push({ name, value: value ?? Number.NaN, unit, ...target });
  }

  /** Something that must hold. */
  must(name: string, holds: boolean): void {
    this.figure(name, holds ? 1 : 0, 'true', { atLeast: 1 });
  }

  note(line: string): void {
    this.notes.push(line);
  }
}

/** The value that this share of the values does not exceed; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
