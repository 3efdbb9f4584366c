import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemTimers } from '@muster/core';

/** Collects garbage, and says how many bytes are still in use: heap, and buffers outside of it. */
export async function collectGarbage(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What pending callbacks hold is freed when they have run; buffers are freed after their objects.
  for (let round = 0; round < 4; round += 1) {
    await systemTimers.yield();
    collect();
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
