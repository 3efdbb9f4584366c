import { join } from 'node:path';
import type { FleetFile } from '../../src/fleet/fleet-file.ts';

/** A fleet of nobody, whose supervisor is this process. */
export function fleetFile(folder: string): FleetFile {
  return {
    version: 1,
    musterVersion: '0.0.0',
    pid: process.pid,
    startedAt: 1_780_000_000_000,
    folder,
    page: 'http://127.0.0.1:8080/',
    control: { url: 'http://127.0.0.1:1', tokenFile: join(folder, 'control-token') },
    registry: {
      address: '127.0.0.1:9000',
      http: '127.0.0.1:9001',
      adminTokenFile: join(folder, 'admin-token'),
      network: 1,
    },
    pskFile: join(folder, 'psk'),
    origin: {
      url: 'http://127.0.0.1:2',
      registry: 'fleet.localhost',
      repository: 'demo/app',
      tag: 'v1',
      digest: `sha256:${'0'.repeat(64)}`,
      bytes: 1,
    },
    members: [],
  };
}
