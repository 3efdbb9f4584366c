import type { Result } from './results.ts';

/** What a benchmark is given. */
export interface BenchmarkContext {
  readonly quick: boolean;
  /** Port of another implementation that is to be measured beside ours. */
  readonly original: number | undefined;
  /** Takes a figure. */
  readonly report: (result: Result) => void;
  /** Says what is being done, for whoever waits. */
  readonly progress: (text: string) => void;
  /**
   * Whether another run of a series is to be made after `done` of at most `planned`; fewer are made when a quick benchmark
   * runs late on a busy machine, but never less than one.
   */
  readonly another: (done: number, planned: number) => boolean;
  /** Whether one of these ids, or of those that begin with them, is asked for. */
  readonly wants: (...ids: readonly string[]) => boolean;
}

/** What the module `benchmarks/<service>/index.ts` exports as `benchmark`. */
export type Benchmark = (context: BenchmarkContext) => Promise<void>;
