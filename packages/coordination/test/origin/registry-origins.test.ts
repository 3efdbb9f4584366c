import { EventBus, recordingLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { CoordinationEvents } from '../../src/events.ts';
import type { CredentialsReader } from '../../src/origin/credentials.ts';
import { openRegistryOrigins } from '../../src/origin/registry-origins.ts';
import { type RegistryConfig, RegistryTable } from '../../src/origin/registry-table.ts';
import type { OriginAdapter } from '../../src/parts.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import { readAll } from '../support/origin-fixture.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const files: Readonly<Record<string, string>> = { '/good': 'u:very-secret\n', '/bad': 'very-secret' };
const credentials: CredentialsReader = {
  version: async () => '1',
  read: async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error('missing');
    return text;
  },
};

async function open(registries: readonly RegistryConfig[]) {
  const logger = recordingLogger();
  const opened = await openRegistryOrigins({
    table: new RegistryTable(registries),
    credentials,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    events: new EventBus<CoordinationEvents>({ onListenerError: () => {} }),
    logger,
    settings: DEFAULT_COORDINATION_SETTINGS,
    version: '1.2.3',
  });
  closers.unshift(() => opened.close());
  return { origins: opened.origins, logger };
}

describe('openRegistryOrigins', () => {
  it('makes an origin for each registry, with its own credentials', async () => {
    const server = await OriginServer.start({
      auth: 'bearer',
      credentials: { user: 'u', password: 'very-secret' },
    });
    closers.push(async () => server.close());
    const digest = server.add(Buffer.from('layer'));
    const { origins, logger } = await open([
      { name: 'private', endpoint: server.url, credentialsPath: '/good' },
      { name: 'public', endpoint: `${server.url}/` },
    ]);
    const signal = new AbortController().signal;
    const origin = origins.get('private') as OriginAdapter;
    const { body } = await origin.open('r', digest, 'blob', 0, signal);
    expect(String(await readAll(body))).toBe('layer');
    expect(server.seen[0]?.headers['user-agent']).toBe('muster/1.2.3');
    await expect(origins.get('public')?.open('r', digest, 'blob', 0, signal)).rejects.toMatchObject({
      code: 'ORIGIN_FAILED',
      details: { registry: 'public', failureClass: 'auth' },
    });
    expect(JSON.stringify(logger.entries)).not.toMatch(/very-secret|token-/);
  });

  it('fails at the start for bad credentials and endpoints', async () => {
    for (const credentialsPath of ['/bad', '/missing']) {
      const opening = open([{ name: 'r', endpoint: 'https://r.example', credentialsPath }]);
      await expect(opening).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    }
    await expect(open([{ name: 'r', endpoint: 'r.example' }])).rejects.toMatchObject({
      code: 'ORIGIN_UNKNOWN',
    });
  });
});
