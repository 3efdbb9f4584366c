import type { Clock, Logger, Random, Timers } from '@muster/core';
import type { OriginAdapter } from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { Digest, ObjectKind } from '../types.ts';
import { CredentialsFile, type CredentialsReader, NO_CREDENTIALS } from './credentials.ts';
import type { OriginEvents } from './object-reader.ts';
import { OciOrigin } from './oci-origin.ts';
import { OriginClient } from './origin-client.ts';
import { NodeHttp } from './outbound/node-http.ts';
import { parseEndpoint, type RegistryTable } from './registry-table.ts';

export interface RegistryOriginsOptions {
  readonly table: RegistryTable;
  readonly credentials: CredentialsReader;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly events: OriginEvents;
  readonly logger: Logger;
  readonly settings: Pick<
    CoordinationSettings,
    'originConnectMs' | 'originHeaderMs' | 'originIdleMs' | 'originMaxRequestsPerSecond'
  >;
  /** Of this program, for `User-Agent`. */
  readonly version: string;
  readonly kindOf?: (digest: Digest) => ObjectKind | undefined;
  readonly children?: NonNullable<OriginAdapter['children']>;
}

/** The origins of a registry table, over the network of the host. */
export interface RegistryOrigins {
  readonly origins: ReadonlyMap<string, OriginAdapter>;
  /** Closes connections that nobody uses. */
  close(): void;
}

/** Makes an adapter for every registry of the table. Rejects `CREDENTIALS_INVALID`, `ORIGIN_UNKNOWN`: the start fails then. */
export async function openRegistryOrigins(options: RegistryOriginsOptions): Promise<RegistryOrigins> {
  const { table, clock, timers, random, events, logger, settings, kindOf, children } = options;
  const origins = new Map<string, OriginAdapter>();
  const transports: NodeHttp[] = [];
  for (const { name, endpoint: text, credentialsPath } of table.list) {
    const endpoint = parseEndpoint(text);
    const transport = new NodeHttp({
      timers,
      connectMs: settings.originConnectMs,
      headerMs: settings.originHeaderMs,
      idleMs: settings.originIdleMs,
    });
    transports.push(transport);
    const credentials =
      credentialsPath === undefined
        ? NO_CREDENTIALS
        : await CredentialsFile.load(credentialsPath, { reader: options.credentials, clock, logger });
    const client = new OriginClient({
      endpoint,
      http: transport.send,
      credentials,
      maxRequestsPerSecond: settings.originMaxRequestsPerSecond,
      clock,
      timers,
      logger,
      userAgent: `muster/${options.version}`,
    });
    const optional = { ...(kindOf && { kindOf }), ...(children && { children }) };
    origins.set(name, new OciOrigin({ name, endpoint, client, clock, timers, random, events, ...optional }));
  }
  return {
    origins,
    close: () => {
      for (const transport of transports) transport.close();
    },
  };
}
