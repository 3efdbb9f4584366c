import { RegistryClient, type RegistryClientOptions } from '@muster/client';

export interface FleetRegistryOptions extends Pick<RegistryClientOptions, 'identity' | 'adminToken'> {
  /** For each answer. */
  readonly timeoutMs: number;
  /** For the connection. @default timeoutMs */
  readonly connectTimeoutMs?: number;
}

/**
 * A client of the registry of a fleet, `host:port`, for a few requests: one connection, without TLS, which such a registry does not
 * have. One that is gone is told at once rather than waited for.
 */
export function fleetRegistryClient(address: string, options: FleetRegistryOptions): RegistryClient {
  const { timeoutMs, connectTimeoutMs = timeoutMs, ...who } = options;
  return new RegistryClient({
    address,
    encoding: 'json',
    tls: false,
    poolSize: 1,
    connectTimeoutMs,
    requestTimeoutMs: timeoutMs,
    reconnect: { maxAttempts: 1 },
    ...who,
  });
}
