/** Durations and sizes as people write them. */

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * A duration in milliseconds: `500ms`, `30s`, `30m`, `24h`, `14d`, `1h30m`, `1.5h`, or `0`. Undefined for anything
 * else, for a number without a unit, and for what is not a whole number of milliseconds.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (DURATION_UNITS[unit as string] as number);
  }
  return wholeNumber(total);
}

/**
 * A size in bytes: `65536`, `512KiB`, `64MiB`, `1GB` (powers of 1024 with the `i`, of 1000 without). Undefined for
 * anything else.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const unit = SIZE_UNITS[match[2]?.toLowerCase() ?? 'b'];
  return unit === undefined ? undefined : wholeNumber(Number(match[1]) * unit);
}

/** A duration in the shortest exact form of {@link parseDuration}: 5400000 is `1h30m`. */
export function formatDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const size = DURATION_UNITS[unit] as number;
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text === '' ? '0' : text;
}

/** A size in the largest unit that leaves a whole number: 67108864 is `64MiB`, 1000 is `1000B`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const size = SIZE_UNITS[unit.toLowerCase()] as number;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

function wholeNumber(value: number): number | undefined {
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) && Math.abs(rounded - value) < 1e-6 ? rounded : undefined;
}
