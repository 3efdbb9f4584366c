/** One figure. `note` says how it came about: runs and their spread, durability, size, command and machine. */
export interface Result {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

/** What holds for all figures of a run. */
export interface RunInfo {
  readonly command: string;
  readonly machine: string;
}

/** The text for `--json`: one object, each figure with what is needed to read it on its own. */
export function formatJson(results: readonly Result[], info: RunInfo): string {
  const complete = results.map(({ id, value, unit, note }) => ({
    id,
    value: rounded(value),
    unit,
    note: `${note}; ${info.command}; ${info.machine}`,
  }));
  return JSON.stringify({ results: complete }, undefined, 2);
}

/** The text for a person. */
export function formatTable(results: readonly Result[], info: RunInfo): string {
  const idWidth = Math.max(2, ...results.map(({ id }) => id.length));
  const values = results.map(({ value }) => formatValue(value));
  const valueWidth = Math.max(5, ...values.map((value) => value.length));
  const unitWidth = Math.max(4, ...results.map(({ unit }) => unit.length));
  const lines = results.map(({ id, unit, note }, row) => {
    const value = (values[row] as string).padStart(valueWidth);
    return `${id.padEnd(idWidth)}  ${value}  ${unit.padEnd(unitWidth)}  ${note}`;
  });
  return [`command  ${info.command}`, `machine  ${info.machine}`, '', ...lines].join('\n');
}

/** A figure with as many digits as say something. */
export function formatValue(value: number): string {
  return rounded(value).toLocaleString('en-US', { maximumFractionDigits: 3 });
}

function rounded(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`not a figure: ${value}`);
  if (Math.abs(value) >= 100) return Math.round(value);
  return Number(value.toPrecision(3));
}
