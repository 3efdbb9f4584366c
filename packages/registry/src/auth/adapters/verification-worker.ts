/** The thread that checks signatures: batches in, answers out. */
import { parentPort } from 'node:worker_threads';
import { verifyBatch } from '../verification-batch.ts';

parentPort?.on('message', (batch: Uint8Array) => {
  const results = verifyBatch(batch);
  parentPort?.postMessage(results, [results.buffer]);
});
