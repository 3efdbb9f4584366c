import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { answering, FakeRegistry } from './fake-registry.ts';
import { selfSigned } from './self-signed.ts';

const here = dirname(fileURLToPath(import.meta.url));

/** Runs a program that uses the client, and gives back what it wrote. */
async function run(program: string): Promise<string> {
  const source = `import { RegistryClient } from '@muster/client';\n${program}`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=muster-source', '--input-type=module', '--eval', source],
    { cwd: here, timeout: 30_000 },
  );
  return stdout.trim();
}

const script = answering({ get_key_info: { node_id: 7 }, list_nodes: { nodes: [] } });

describe('a program with a client', () => {
  it('has nothing of it left after close()', async () => {
    await using fake = await FakeRegistry.start(script);
    const left = await run(`
      const client = new RegistryClient({ address: '${fake.address}', poolSize: 3 });
      const loop = client.heartbeatLoop({ nodeId: 7, onFailure() {} });
      const watching = client.watch(3).next();
      await Promise.all(Array.from({ length: 50 }, () => client.getKeyInfo(7)));
      client.lookup(9).catch(() => {});
      await client.close();
      await watching;
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name))));
    `);
    expect(left).toBe('[]');
  });

  it('ends by itself even if it forgets close()', async () => {
    await using fake = await FakeRegistry.start(script);
    const output = await run(`
      const client = new RegistryClient({ address: '${fake.address}' });
      console.log((await client.getKeyInfo(7)).nodeId);
    `);
    expect(output).toBe('7');
  });

  it('ends by itself with TLS too', async () => {
    const tls = selfSigned(1);
    await using fake = await FakeRegistry.start(script, { tls });
    const output = await run(`
      const client = new RegistryClient({ address: '${fake.address}', tls: { pin: '${tls.pin}' } });
      console.log((await client.getKeyInfo(7)).nodeId);
    `);
    expect(output).toBe('7');
  });
});
