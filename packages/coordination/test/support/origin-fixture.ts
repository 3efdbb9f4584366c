import { EventBus, silentLogger, systemClock } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import type { CoordinationEvents } from '../../src/events.ts';
import type { CredentialsSource } from '../../src/origin/credentials.ts';
import { OciOrigin, type OciOriginOptions } from '../../src/origin/oci-origin.ts';
import { OriginClient } from '../../src/origin/origin-client.ts';
import { NodeHttp, type NodeHttpOptions } from '../../src/origin/outbound/node-http.ts';
import { quickTimers } from './quick-timers.ts';

export interface OriginFixtureOptions {
  readonly credentials?: CredentialsSource;
  readonly maxRequestsPerSecond?: number;
  readonly limits?: Partial<Pick<NodeHttpOptions, 'connectMs' | 'headerMs' | 'idleMs'>>;
  readonly resolve?: NonNullable<NodeHttpOptions['resolve']>;
  readonly kindOf?: NonNullable<OciOriginOptions['kindOf']>;
}

/** An adapter over real connections to one endpoint, with what it published. */
export function originFixture(endpointUrl: string, options: OriginFixtureOptions = {}) {
  const timers = quickTimers();
  const transport = new NodeHttp({
    timers,
    connectMs: 5_000,
    headerMs: 5_000,
    idleMs: 5_000,
    ...options.limits,
    ...(options.resolve && { resolve: options.resolve }),
  });
  const endpoint = new URL(endpointUrl);
  const client = new OriginClient({
    endpoint,
    http: transport.send,
    ...(options.credentials && { credentials: options.credentials }),
    maxRequestsPerSecond: options.maxRequestsPerSecond ?? 0,
    clock: systemClock,
    timers,
    logger: silentLogger,
    userAgent: 'muster/0.0.0-test',
  });
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => {
      throw error;
    },
  });
  const published: { topic: string; payload: unknown }[] = [];
  events.on('*', (event) => void published.push(event));
  const parts = { client, clock: systemClock, timers, random: seededRandom(1), events };
  const origin = new OciOrigin({
    name: 'hub',
    endpoint,
    ...parts,
    ...(options.kindOf && { kindOf: options.kindOf }),
  });
  return { origin, parts, published, timers, client, close: () => transport.close() };
}

/** All of a body in one piece. */
export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
