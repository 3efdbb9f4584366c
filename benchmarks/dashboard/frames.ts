import { percentile } from '../harness/statistics.ts';

/** What a page measured of itself over a while; milliseconds. */
export interface FrameSample {
  /** Between one frame and the next. */
  readonly intervals: readonly number[];
  /** Tasks that held the page for 50 ms or more. */
  readonly longTasks: readonly number[];
  readonly elapsedMs: number;
}

/** What is said of a sample. */
export interface FrameFigures {
  /** Per second. */
  readonly frames: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly worst: number;
  /** Intervals in which at least one frame of a screen of 60 Hz was missed. */
  readonly missed: number;
  readonly longTasks: number;
}

/** Of two frames of 60 Hz, rounded up: what is longer has missed one. */
const MISSED_MS = 25;

/** Throws RangeError when there was no frame. */
export function figuresOf({ intervals, longTasks, elapsedMs }: FrameSample): FrameFigures {
  if (intervals.length === 0) throw new RangeError('no frames');
  return {
    frames: (1_000 * intervals.length) / elapsedMs,
    p50: percentile(intervals, 0.5),
    p95: percentile(intervals, 0.95),
    p99: percentile(intervals, 0.99),
    worst: Math.max(...intervals),
    missed: intervals.filter((interval) => interval > MISSED_MS).length,
    longTasks: longTasks.length,
  };
}

/** Runs inside of the page, as text: measures until `window.endOfSample` is called, which gives the sample. */
export const START_SAMPLE = `(() => {
  const intervals = [];
  const longTasks = [];
  const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: 'longtask' });
  const startedAt = performance.now();
  let last;
  let isOver = false;
  const frame = (at) => {
    if (last !== undefined) intervals.push(at - last);
    last = at;
    if (!isOver) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.endOfSample = () => {
    isOver = true;
    observer.disconnect();
    return { intervals, longTasks, elapsedMs: performance.now() - startedAt };
  };
})()`;
