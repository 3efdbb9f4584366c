import { performance } from 'node:perf_hooks';
import type { Static } from 'typebox';
import type { RuntimeReply } from './schemas.ts';

/** Reads the figures of this process; the event loop's utilisation is that since the previous reading. */
export function processFigures(): () => Omit<Static<typeof RuntimeReply>, 'registry'> {
  let previous = performance.eventLoopUtilization();
  return () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, previous);
    previous = current;
    const memory = process.memoryUsage();
    const processor = process.cpuUsage();
    return {
      process: {
        pid: process.pid,
        node_version: process.version,
        platform: process.platform,
        architecture: process.arch,
        uptime_seconds: process.uptime(),
        processor_seconds: (processor.user + processor.system) / 1e6,
        event_loop_utilization: utilization,
        active_resources: process.getActiveResourcesInfo().length,
      },
      memory: {
        resident_bytes: memory.rss,
        heap_used_bytes: memory.heapUsed,
        heap_total_bytes: memory.heapTotal,
        external_bytes: memory.external,
        array_buffers_bytes: memory.arrayBuffers,
      },
    };
  };
}
