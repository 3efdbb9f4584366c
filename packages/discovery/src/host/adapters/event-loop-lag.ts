import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** Measures how late the event loop is. The figures are of the time since they were asked for last, in seconds. */
export function eventLoopLag(): { read(): { readonly mean: number; readonly p99: number }; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    read() {
      const seconds = (nanoseconds: number): number =>
        Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000) : 0;
      const figures = { mean: seconds(histogram.mean), p99: seconds(histogram.percentile(99)) };
      histogram.reset();
      return figures;
    },
    stop: () => void histogram.disable(),
  };
}
