export { logEvents } from './event-log.ts';
export { declareDiscoveryMetrics } from './metrics.ts';
export type { MetricsSources } from './metrics.ts';
export { explainScore } from './score-explanation.ts';
export type { ExplainedTerm, ScoreExplanation } from './score-explanation.ts';
export { SearchLog } from './search-log.ts';
export type { SearchEntry } from './search-log.ts';
export { countedOverlay, StreamCounts } from './stream-counts.ts';
export type { StreamFigures } from './stream-counts.ts';
