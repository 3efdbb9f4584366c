import type { DiscoveryContext } from '../context.ts';

const ATTEMPTS = 3;

/**
 * Puts a value (discovery spec 10.3): up to 10 s, and up to two more attempts after 2 s and 4 s as long as the routing
 * table is empty. The next heartbeat or period puts it again anyway. Never rejects; publishes `dht.put`.
 */
export async function putValue(context: DiscoveryContext, key: string, value: object): Promise<boolean> {
  const { overlay, clock, timers, constants, events, signal, logger } = context;
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const startedAt = clock.monotonic();
  let ok = false;
  for (let attempt = 1; attempt <= ATTEMPTS && !ok && !signal.aborted; attempt++) {
    try {
      await overlay.dht.put(key, bytes, { timeoutMs: constants.dhtPutMs, signal });
      ok = true;
    } catch (error) {
      logger.debug({ key, attempt, error }, 'DHT put failed');
      if (attempt === ATTEMPTS || overlay.dht.routingTableSize > 0) break;
      try {
        await timers.sleep(constants.dhtPutPauseMs * 2 ** (attempt - 1), signal);
      } catch {
        break;
      }
    }
  }
  events.publish('dht.put', { key, ok, ms: clock.monotonic() - startedAt });
  return ok;
}
