import { formatValue } from './results.ts';

/** What a figure is to reach; one of the bounds is set. */
export interface Target {
  readonly id: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly below?: number;
}

/** The targets of a service, by the id of the figure. */
export class Targets {
  readonly #byId: ReadonlyMap<string, Target>;

  /** Throws RangeError for an id with two targets, or a target without exactly one bound. */
  constructor(targets: readonly Target[]) {
    this.#byId = new Map(targets.map((target) => [target.id, target]));
    if (this.#byId.size !== targets.length) throw new RangeError('a figure has two targets');
    for (const { id, atLeast, atMost, below } of targets) {
      if ([atLeast, atMost, below].filter((bound) => bound !== undefined).length !== 1)
        throw new RangeError(`the target of ${id} has not one bound`);
    }
  }

  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** `>= 1.3`, `<= 3`, `< 20`, or nothing where no target is set. */
  text(id: string): string {
    const { atLeast, atMost, below } = this.#byId.get(id) ?? {};
    if (atLeast !== undefined) return `>= ${formatValue(atLeast)}`;
    if (atMost !== undefined) return `<= ${formatValue(atMost)}`;
    return below === undefined ? '' : `< ${formatValue(below)}`;
  }

  /** `pass`, `MISS`, or nothing where no target is set. */
  verdict(id: string, value: number): string {
    const target = this.#byId.get(id);
    if (target === undefined) return '';
    const { atLeast = -Infinity, atMost = Infinity, below = Infinity } = target;
    return value >= atLeast && value <= atMost && value < below ? 'pass' : 'MISS';
  }
}
