import type { BusEvent, EventBus, LogFields, Logger, LogLevel } from '@muster/core';
import type { DiscoveryEvents } from '../events.ts';

type Topic = keyof DiscoveryEvents & string;

/** What happens often and says little; the rest is `info`, or in the table below. */
const DEBUG: ReadonlySet<Topic> = new Set([
  'heartbeat.served',
  'score.updated',
  'evidence',
  'pool.healthy',
  'gate.decided',
  'referenced.changed',
  'bandwidth.probed',
  'record.added',
  'record.removed',
  'dht.put',
  'dht.get',
  'dht.provided',
  'witness.served',
  'publish.served',
  'get.served',
  'search.started',
  'search.hits',
  'search.ended',
  'claim.published',
  'replenish.finished',
]);

const WARN: ReadonlySet<Topic> = new Set([
  'pool.quarantined',
  'suspicion',
  'heartbeat.refused',
  'behaviour.strike',
  'behaviour.banned',
  'guard.refused',
  'search.dropped',
  'peer.blacklisted',
]);

/**
 * Writes what happens to the log (section 29), one line an event, with the event's own facts and nothing else: events
 * hold no payloads, keys or user ids. Returns what ends it.
 */
export function logEvents(events: EventBus<DiscoveryEvents>, logger: Logger): () => void {
  return events.on('*', (event) => {
    logger[levelOf(event)](fieldsOf(event), event.topic);
  });
}

function levelOf({ topic, payload }: BusEvent<DiscoveryEvents>): LogLevel {
  if (topic === 'heartbeat.outcome') return payload.outcome === 'ok' ? 'debug' : 'warn';
  if (topic === 'pool.evicted') return payload.reason === 'hard-evidence' ? 'warn' : 'info';
  if (WARN.has(topic)) return 'warn';
  return DEBUG.has(topic) ? 'debug' : 'info';
}

function fieldsOf({ topic, payload }: BusEvent<DiscoveryEvents>): LogFields {
  if (topic === 'dht.put' || topic === 'dht.get') {
    // The key names a peer; its namespace is enough here.
    return { event: topic, ...payload, key: payload.key.split('/', 2).join('/') };
  }
  return { event: topic, ...payload };
}
