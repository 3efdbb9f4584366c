export { main } from './main.ts';
export { LEASE_TTL_MS, registryLeases } from './serve/registry-leases.ts';
export type { LeaseClient, RegistryLeasesOptions } from './serve/registry-leases.ts';
export { runCli } from './cli/run-cli.ts';
export type { CliIo, Output } from './cli/io.ts';
