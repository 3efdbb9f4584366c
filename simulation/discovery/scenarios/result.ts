import type { Fleet } from '../fleet.ts';

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
  readonly nodes?: number;
  readonly indexers?: number;
  readonly minutes?: number;
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

export function isMet({ value, atMost, atLeast }: Figure): boolean {
  if (Number.isNaN(value)) return false;
  return (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
}

/** Collects the figures of a run. */
export class Report {
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];

  figure(
    name: string,
    value: number | undefined,
    unit: string,
    target: { readonly atMost?: number; readonly atLeast?: number } = {},
  ): void {
    // What never came about fails every target.
    this.figures.push({ name, value: value ?? NaN, unit, ...target });
  }

  /** Something that must hold. */
  must(name: string, holds: boolean): void {
    this.figures.push({ name, value: holds ? 1 : 0, unit: 'true', atLeast: 1 });
  }

  note(line: string): void {
    this.notes.push(line);
  }

  of(...fleets: readonly Fleet[]): ScenarioResult {
    for (const { failures } of fleets)
      for (const { member, error } of failures) this.note(`${member.name} failed to start: ${String(error)}`);
    return {
      figures: this.figures,
      notes: this.notes,
      hash: fleets.map(({ sim }) => sim.trace.hash).join('-'),
      virtualMs: fleets.reduce((sum, { sim }) => sum + sim.now, 0),
      steps: fleets.reduce((sum, { sim }) => sum + sim.steps, 0),
    };
  }
}

/** The value that this share of the values does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}
