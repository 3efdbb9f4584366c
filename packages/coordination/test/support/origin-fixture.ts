import { onTestFinished } from 'vitest';
import { EventBus, silentLogger, systemClock } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import type { CoordinationEvents } from '../../src/events.ts';
import type { CredentialsSource } from '../../src/origin/credentials.ts';
import { originFailureOf } from '../../src/origin/failure.ts';
import { OciOrigin, type OciOriginOptions } from '../../src/origin/oci-origin.ts';
import { OriginClient } from '../../src/origin/origin-client.ts';
import { NodeHttp, type NodeHttpOptions } from '../../src/origin/outbound/node-http.ts';
import {
  OriginServer,
  type OriginServerOptions,
} from '../../../../benchmarks/coordination/lab/origin-server.ts';
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

/** A registry that ends with the test. */
export async function serveOrigin(options: OriginServerOptions = {}): Promise<OriginServer> {
  const server = await OriginServer.start(options);
  onTestFinished(async () => server.close());
  return server;
}

/** {@link originFixture} of a server; its connections are closed with the test. */
export function adapterOf(server: OriginServer, options: OriginFixtureOptions = {}) {
  const made = originFixture(server.url, options);
  onTestFinished(() => made.close());
  return made;
}

/** The details of the failure that the work ends with; undefined when it ends otherwise. */
export async function failure(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return originFailureOf(error);
}

export const NEVER: AbortSignal = new AbortController().signal;
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

export function blob(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

/** Credentials that do not change. */
export function password(value: string): CredentialsSource {
  return { current: async () => ({ user: 'u', password: value }), refused: async () => false };
}
