import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * The metrics of this process: processor time, memory, garbage collection, open handles, event-loop lag. To be handed
 * to {@link MetricsRegistry.addSource}. Call it once: it starts the observers that measure lag and collections.
 */
export function processMetrics(): () => Promise<string> {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return async () => await register.metrics();
}
