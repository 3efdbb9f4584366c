import { createServer } from 'node:net';
import { errorCode, type Random } from '@muster/core';

/** Below the ports that systems give to outgoing connections, so that none takes a port before its member does. */
const LOWEST = 10_000;
const HIGHEST = 29_999;
const MAX_TRIES = 1_000;

/**
 * Ports of the loopback for members: `known` of them with ports that others are told beforehand, then `others`. From
 * `first` on, all follow one another. When it is 0, the known ones are free ones at this moment, and the others 0: the
 * system chooses.
 */
export async function choosePorts(
  first: number,
  known: number,
  others: number,
  random: Random,
): Promise<readonly number[]> {
  if (first !== 0) return Array.from({ length: known + others }, (_, index) => first + index);
  const free = new Set<number>();
  for (let tries = 0; free.size < known && tries < MAX_TRIES; tries += 1) {
    const port = LOWEST + random.integer(HIGHEST - LOWEST + 1);
    if (!free.has(port) && (await isFree(port))) free.add(port);
  }
  return [...free, ...Array.from({ length: others }, () => 0)];
}

/** Whether nothing listens on a port of the loopback at this moment. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE' || errorCode(error) === 'EACCES') return false;
    throw error;
  }
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return true;
}
