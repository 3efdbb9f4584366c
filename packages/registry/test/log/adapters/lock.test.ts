import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockStore } from '../../../src/log/index.ts';

const MODULE = new URL('../../../src/log/adapters/lock.ts', import.meta.url).href;

describe('the lock of a store', () => {
  let directory = '';
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-lock-'));
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  /** Another process that takes the lock and says so, or says why not. */
  async function otherProcess(): Promise<{ child: ChildProcess; said: string }> {
    const script = `
      const { lockStore } = await import(${JSON.stringify(MODULE)});
      try { await lockStore(process.argv[1]); console.log('owner'); setInterval(() => {}, 1000); }
      catch (error) { console.log(error.code + ' ' + error.details.pid); }`;
    const args = ['--conditions=muster-source', '--input-type=module', '-e', script, directory];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let complaints = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    expect(complaints).toBe('');
    return { child, said: chunk.toString().trim() };
  }

  it('is held by one: another one in this process or elsewhere is told who has it', async () => {
    const lock = await lockStore(directory);
    await expect(lockStore(directory)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      details: { directory, pid: process.pid },
    });
    expect((await otherProcess()).said).toBe(`STORE_LOCKED ${process.pid}`);
    await lock.release();
    await lock.release();
    const again = await lockStore(directory);
    await again.release();
  });

  it('ends with a process that is killed', async () => {
    const { child, said } = await otherProcess();
    expect(said).toBe('owner');
    await expect(lockStore(directory)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      details: { pid: child.pid },
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await lockStore(directory);
    await lock.release();
  });
});
