import type { Output } from './io.ts';

const REDRAW_INTERVAL_MS = 100;
const ERASE_LINE = '\r\u001b[2K';

/** How far long work has come. */
export interface Progress {
  /** Shows a line in place of the one before. */
  update(line: string): void;
  /** Takes the line away. */
  end(): void;
}

/** Progress on a terminal, drawn a few times a second; nothing at all elsewhere. */
export function terminalProgress(output: Output, enabled: boolean): Progress {
  if (!enabled || !output.isTerminal) return { update() {}, end() {} };
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    update(line) {
      const nowMs = performance.now();
      if (nowMs - drawnAtMs < REDRAW_INTERVAL_MS) return;
      drawnAtMs = nowMs;
      drawn = true;
      output.write(`${ERASE_LINE}${line}`);
    },
    end() {
      if (drawn) output.write(ERASE_LINE);
      drawn = false;
    },
  };
}

/** `12.3 MB` */
export function showBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** `1 node`, `2 nodes` */
export function count(amount: number, singular: string, plural = `${singular}s`): string {
  return `${amount} ${amount === 1 ? singular : plural}`;
}
