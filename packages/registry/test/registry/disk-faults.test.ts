import type { RegistryClient } from '@muster/client';
import type { MusterError } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { FaultStorage } from '@muster/core/testing';
import { describe, expect, test } from 'vitest';
import { eventually, Scene } from './support.ts';

/** Registers nodes one after the other until an answer stays away or is an error; tells how many were acknowledged. */
async function registerUntilItFails(
  client: RegistryClient,
  prefix: string,
  acknowledged: string[],
): Promise<void> {
  for (let i = 0; ; i++) {
    const hostname = `${prefix}-${i}`;
    try {
      const registered = await client.send('register', {
        public_key: Identity.generate().publicKeyBase64,
        listen_addr: '',
        hostname,
      });
      if (registered['hostname'] === hostname) acknowledged.push(hostname);
    } catch {
      return;
    }
  }
}

describe('a disk that fails', () => {
  test.each([
    ['EIO', 'kept'],
    ['EIO', 'lost'],
    ['ENOSPC', 'lost'],
  ] as const)(
    'with %s: nothing is acknowledged any more, what was is there (unsynced writes %s)',
    async (code, kept) => {
      await using scene = new Scene();
      const directory = await scene.directory();
      for (const failAfter of [1, 2, 3, 4, 5, 6, 7, 12]) {
        const storage = new FaultStorage({ record: false });
        const fatal: MusterError[] = [];
        const registry = await scene.start({ directory, storage, onFatal: (error) => fatal.push(error) });
        const clients = Array.from({ length: 4 }, () =>
          scene.client(registry, { poolSize: 1, maxRepeats: 0, requestTimeoutMs: 60_000 }),
        );
        const acknowledged: string[] = [];
        const failures = clients.map(async (client, i) =>
          registerUntilItFails(client, `c${i}`, acknowledged),
        );
        await eventually(() => acknowledged.length > 10, 'some are acknowledged');
        storage.inject({ at: storage.changes + failAfter, code });
        await eventually(() => fatal.length > 0, 'the registry says that it can not go on');
        expect(registry.status).toBe('failed');
        await registry.stop();
        await Promise.all(failures);
        expect(fatal.map((error) => error.code)).toEqual(['LOG_FAILED']);
        const after = await scene.start({ directory, storage: storage.crash({ data: kept, names: kept }) });
        const names = after.directory?.nodes as NonNullable<typeof after.directory>['nodes'];
        expect(acknowledged.filter((name) => names.slotOfHostname(name) < 0)).toEqual([]);
        await after.stop();
      }
    },
  );

  test('before the registry serves: it does not start, and says why', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    for (let at = 1; at <= 4; at++) {
      const storage = new FaultStorage({ record: false, faults: [{ at, code: 'ENOSPC' }] });
      const started = scene.start({ directory, storage }).then(
        () => 'started',
        (error: Error) =>
          `${(error as { code?: string }).code} ${String((error.cause as { code?: string } | undefined)?.code)}`,
      );
      expect(await started).toMatch(/ENOSPC/);
    }
    expect((await scene.start({ directory })).status).toBe('ok');
  });

  test('a snapshot that can not be written costs nothing but the snapshot', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const storage = new FaultStorage({ record: false });
    const registry = await scene.start({ directory, storage, http: { host: '127.0.0.1', port: 0 } });
    const client = scene.client(registry, { identity: Identity.generate() });
    await client.register({ hostname: 'kept' });
    storage.inject({ at: storage.changes + 2, code: 'ENOSPC' });
    await expect(registry.store?.writeSnapshot()).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    await client.setTags(['still', 'works']);
    expect(registry.status).toBe('ok');
    await registry.store?.writeSnapshot();
    await registry.stop();
    const again = await scene.start({ directory, storage: storage.crash({ data: 'lost', names: 'lost' }) });
    expect(again.directory?.nodes.slotOfHostname('kept')).toBeGreaterThanOrEqual(0);
  });
});
