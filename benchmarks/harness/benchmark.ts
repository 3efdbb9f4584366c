import type { Result } from './results.ts';

/** What a benchmark is given. */
export interface BenchmarkContext {
  readonly quick: boolean;
  /** Takes a figure. */
  readonly report: (result: Result) => void;
  /** Says what is being done, for whoever waits. */
  readonly progress: (text: string) => void;
  /** Whether one of these ids is asked for. */
  readonly wants: (...ids: readonly string[]) => boolean;
}

/** What the module `benchmarks/<service>/index.ts` exports as `benchmark`. */
export type Benchmark = (context: BenchmarkContext) => Promise<void>;
