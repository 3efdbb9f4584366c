import { recordingLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { FileMembers, fileNameOf } from '../../src/members/file-members.ts';
import type { ListedFile, MemberFiles } from '../../src/members/files.ts';
import type { ClusterNode } from '../../src/types.ts';

/** Files in memory, changed at the time of a clock. */
class TestFiles implements MemberFiles {
  readonly files = new Map<string, { text: string; changedAt: number; version: number }>();
  readonly #clock: ManualClock;
  #versions = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async version(path: string): Promise<string> {
    return String(this.#get(path).version);
  }

  async read(path: string): Promise<string> {
    return this.#get(path).text;
  }

  async list(folder: string): Promise<ListedFile[]> {
    return [...this.files]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, { changedAt, version }]) => ({
        name: path.slice(folder.length + 1),
        version: String(version),
        changedAt,
      }));
  }

  async write(path: string, text: string): Promise<void> {
    this.#versions += 1;
    this.files.set(path, { text, changedAt: this.#clock.now(), version: this.#versions });
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  #get(path: string): { text: string; version: number } {
    const file = this.files.get(path);
    if (file === undefined) throw Object.assign(new Error(`${path} is not there`), { code: 'ENOENT' });
    return file;
  }
}

const own = (id: string): ClusterNode => ({
  id,
  addr: `${id}:5001`,
  zone: '',
  peerId: `peer-${id}`,
  p2pAddrs: [`/dns4/${id}/tcp/4001`],
});

function setUp(options: { file?: string; announceFolder?: string }) {
  const clock = new ManualClock();
  const files = new TestFiles(clock);
  const logger = recordingLogger();
  const agent = (self: string): FileMembers =>
    new FileMembers({ self, own: () => own(self), files, clock, timers: clock, logger, ...options });
  return { clock, files, logger, agent };
}

const list = (...nodes: object[]): string => JSON.stringify({ nodes });
const idsOf = (nodes: readonly ClusterNode[]): string[] => nodes.map(({ id }) => id);

test('the list is read again when it has changed, and a wrong one changes nothing', async () => {
  const { clock, files, logger, agent } = setUp({ file: '/m.json' });
  const members = agent('a');
  await members.start();
  expect(members.isSynced).toBe(false);
  await files.write(
    '/m.json',
    list({ id: 'b', p2p_addrs: ['/ip4/192.0.2.1/tcp/1'], ready: false }, { id: 'a' }),
  );
  clock.advance(1_000);
  await expect.poll(() => members.isSynced).toBe(true);
  expect(idsOf(members.snapshot())).toEqual(['a']);
  expect(idsOf(members.bootstrapSnapshot())).toEqual(['b']);
  expect(members.runningCount()).toBe(2);

  await files.write('/m.json', '{"nodes":');
  const errors = (): number => logger.entries.filter(({ level }) => level === 'error').length;
  const before = errors();
  await members.check();
  await members.check();
  expect(errors()).toBe(before + 1);
  expect(idsOf(members.snapshot())).toEqual(['a']);

  await files.write('/m.json', list({ id: 'c' }));
  await members.check();
  expect(idsOf(members.snapshot())).toEqual(['c']);
  await members.stop();
});

test('agents that announce themselves in one folder see one another, and leave in order', async () => {
  const { agent } = setUp({ announceFolder: '/run' });
  const [a, b] = [agent('a'), agent('b')];
  await a.start();
  await b.start();
  await a.check();
  for (const members of [a, b]) expect(members.snapshot()).toEqual([own('a'), own('b')]);
  await b.stop();
  await a.check();
  expect(idsOf(a.snapshot())).toEqual(['a']);
  expect(idsOf(a.bootstrapSnapshot())).toEqual(['a', 'b']);
  await a.stop();
});

test('silent agents are not ready after 30 s and gone after 120 s; others announce themselves every 10 s', async () => {
  const { clock, files, agent } = setUp({ announceFolder: '/run' });
  const members = agent('a');
  await members.start();
  await files.write('/run/dead.json', JSON.stringify({ id: 'dead', p2p_addrs: ['/ip4/192.0.2.9/tcp/1'] }));
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms);
    // The announcement that fell due has been written when the next one is.
    await members.announce();
    await members.check();
  };
  await later(29_000);
  expect(idsOf(members.snapshot())).toEqual(['a', 'dead']);
  await later(1_000);
  expect(idsOf(members.snapshot())).toEqual(['a']);
  expect(members.runningCount()).toBe(2);
  await later(90_000);
  expect(members.runningCount()).toBe(1);
  expect([...files.files.keys()]).toEqual(['/run/a.json']);
  await members.stop();
});

test('what is announced last is what others see, however slow the disk is', async () => {
  const { files, agent } = setUp({ announceFolder: '/run' });
  const members = agent('a');
  await members.start();
  const write = files.write.bind(files);
  const held: (() => Promise<void>)[] = [];
  files.write = async (path, text) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push(async () => {
      await write(path, text);
      resolve();
    });
    await promise;
  };
  const touch = members.announce();
  const stopped = members.stop();
  const hasWrite = (): number => held.length;
  for (let done = 0; done < 2; done += 1) {
    await expect.poll(hasWrite).toBeGreaterThan(0);
    // Were there two at a time, the later one would be done first.
    await held.pop()?.();
  }
  await Promise.all([touch, stopped]);
  expect(files.files.get('/run/a.json')?.text).toContain('"ready":false');
});

test('a broken announcement hides no other', async () => {
  const { files, logger, agent } = setUp({ announceFolder: '/run' });
  await files.write('/run/x.json', 'not json');
  const members = agent('a');
  await members.start();
  expect(idsOf(members.snapshot())).toEqual(['a']);
  expect(logger.entries.map(({ level }) => level)).toEqual(['warn']);
  await members.check();
  expect(logger.entries).toHaveLength(1);
  await members.stop();
});

test('announcements go before entries of the list', async () => {
  const { files, agent } = setUp({ file: '/m.json', announceFolder: '/run' });
  await files.write('/m.json', list({ id: 'a', addr: 'old:1' }, { id: 'b' }));
  const members = agent('a');
  await members.start();
  expect(members.snapshot().map(({ addr }) => addr)).toEqual(['a:5001', '']);
  await members.stop();
});

test.each([
  ['n1', 'n1.json'],
  ['../up', '%2E%2E%2Fup.json'],
  ['a/b*', 'a%2Fb%2A.json'],
])('the file of %s is %s', (id, name) => {
  expect(fileNameOf(id)).toBe(name);
});
