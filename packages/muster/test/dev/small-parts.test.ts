import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedLog } from '../../src/dev/bounded-log.ts';
import { fewAtATime } from '../../src/dev/few-at-a-time.ts';
import { memberEnvironment } from '../../src/dev/member-environment.ts';
import { PortBook } from '../../src/dev/port-book.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();

describe('tasks, a few at a time', () => {
  it('are never more than the limit, and all are run', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const task = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      done += 1;
    };
    await fewAtATime(
      3,
      Array.from({ length: 10 }, () => task),
    );
    expect({ most, done }).toEqual({ most: 3, done: 10 });
  });

  it('end with the first that fails, once those beside it have ended', async () => {
    const ran: string[] = [];
    const slow = Promise.withResolvers<void>();
    const outcome = fewAtATime(2, [
      async () => {
        throw new Error('broken');
      },
      async () => {
        await slow.promise;
        ran.push('beside it');
      },
      async () => void ran.push('after it'),
    ]);
    slow.resolve();
    await expect(outcome).rejects.toThrow('broken');
    expect(ran).toEqual(['beside it']);
  });
});

describe('the log of a member', () => {
  it('takes no more than twice its bound, and keeps what came last', async () => {
    const path = folder.path('x.log');
    const log = new BoundedLog(path, 1_000);
    for (let line = 0; line < 200; line += 1) log.write(`line ${line}`.padEnd(50, '.'));
    log.write('x'.repeat(100_000));
    log.close();
    const [now, before] = [await readFile(path, 'utf8'), await readFile(`${path}.1`, 'utf8')];
    expect(before.length).toBeLessThanOrEqual(1_000);
    expect(before).toContain('line 199');
    expect(now.length).toBeLessThan(20_000);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('goes on where it was', async () => {
    const path = folder.path('x.log');
    for (const word of ['one', 'two']) {
      const log = new BoundedLog(path);
      log.write(word);
      log.close();
    }
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
  });

  it('loses lines and nothing else when the disk refuses', () => {
    const log = new BoundedLog(folder.path('nowhere', 'x.log'));
    log.write('lost');
    log.close();
    expect(existsSync(folder.path('nowhere'))).toBe(false);
  });
});

describe('ports', () => {
  it('are never given twice', async () => {
    const book = new PortBook(seededRandom(4));
    const ports = await Promise.all(Array.from({ length: 30 }, () => book.any()));
    expect(new Set(ports).size).toBe(30);
  });

  it('that are in use are told of when a person asked for them, and passed over otherwise', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const book = new PortBook(seededRandom(4));
      const hint = expect.stringContaining('--page-port') as string;
      await expect(book.wished(port, 'page-port', false)).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE',
        hint,
      });
      if (port < 65_400) expect(await book.wished(port, 'page-port', true)).toBeGreaterThan(port);
      expect(await book.wished(0, 'page-port', false)).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  });
});

it('members do not take the settings of the shell for their own', () => {
  expect(
    memberEnvironment({
      PATH: '/bin',
      MUSTER_DATA: '/x',
      GANTRY_ZONE: 'a',
      OCDISCOVERY_NAME: 'b',
      MUSTER_DEBUG: '1',
    }),
  ).toEqual({ PATH: '/bin', MUSTER_DEBUG: '1' });
});
