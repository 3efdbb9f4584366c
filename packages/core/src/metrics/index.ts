export { processMetrics } from './adapters/process-metrics.ts';
export { Counter, Gauge, Histogram } from './instruments.ts';
export {
  MAX_COLLECTED_SERIES,
  METRICS_CONTENT_TYPE,
  MetricsRegistry,
  OTHER_LABEL_VALUE,
} from './registry.ts';
export type { CollectedSample, Family, LabelSets } from './registry.ts';
