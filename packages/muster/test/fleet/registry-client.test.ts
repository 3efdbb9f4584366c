import { Identity } from '@muster/core/identity';
import { expect, it } from 'vitest';
import { fleetRegistryClient } from '../../src/fleet/registry-client.ts';
import { FleetRegistry } from '../support/fleet-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();

it('asks the registry of a fleet as whom it is told, and does not wait for one that is gone', async () => {
  await using registry = await FleetRegistry.start(folder.path('registry'));
  const identity = Identity.generate();
  await using client = fleetRegistryClient(registry.address, { timeoutMs: 5_000, identity });
  const { nodeId } = await client.register({ hostname: 'alpha' });
  expect((await client.lookup(nodeId)).hostname).toBe('alpha');
  await registry.stop();
  await using late = fleetRegistryClient(registry.address, { timeoutMs: 5_000 });
  await expect(late.lookup(nodeId)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
});
