import type { ServerResponse } from 'node:http';
import type { Timers } from '@muster/core';
import { discoveryErrors } from '../errors.ts';
import { SLOW_READER_MS } from './limits.ts';
import type { RouteContext } from './routes.ts';
import { hitView } from './views.ts';

/**
 * Runs a search and writes its hits as they come, one JSON object a line, and then why it has ended. The search ends when
 * the caller goes, or takes nothing for a while. Rejects NO_INDEXER when nobody could be asked; nothing is written then.
 */
export async function streamSearch(
  { source, response, signal }: Pick<RouteContext, 'source' | 'response' | 'signal'>,
  needle: string,
): Promise<void> {
  const { timers } = source.context;
  const search = source.search(needle, signal);
  const send = async (line: object): Promise<boolean> => {
    if (signal.aborted) return false;
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
    }
    return response.write(`${JSON.stringify(line)}\n`) || (await drained(response, timers, signal));
  };
  for await (const hit of search) {
    if (!(await send({ hit: hitView(source, hit) }))) break;
  }
  const end = await search.ended;
  if (end.reason === 'no-indexer' && !response.headersSent) {
    throw discoveryErrors.create('NO_INDEXER', 'no reachable indexer');
  }
  await send({ end: { ...end, ms: Math.round(end.ms) } });
  response.end();
}

/** Waits until the caller has taken what was written; false when it has gone or does not. */
async function drained(response: ServerResponse, timers: Timers, signal: AbortSignal): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const settle = (isDrained: boolean): void => {
      timer.cancel();
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      if (!isDrained) response.destroy();
      resolve(isDrained);
    };
    const onDrain = (): void => settle(true);
    const onAbort = (): void => settle(false);
    const timer = timers.after(SLOW_READER_MS, onAbort);
    response.once('drain', onDrain);
    signal.addEventListener('abort', onAbort);
  });
}
