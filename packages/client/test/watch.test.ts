import { describe, expect, it, vi } from 'vitest';
import { clientErrors, type NodeChange, RegistryClient, type WatchPoll } from '../src/index.ts';
import { FakeRegistry, type FakeRequest } from './fake-registry.ts';

type Entry = Record<string, unknown>;

const entry = (nodeId: number, more: Entry = {}): Entry => ({
  node_id: nodeId,
  address: `3:0003.0000.000${nodeId}`,
  public: false,
  last_seen: '2026-11-21T07:00:00Z',
  ...more,
});

const list = (nodes: Entry[], more: Entry = {}): Entry => ({ type: 'list_nodes_ok', nodes, ...more });

/** `+1` joined, `*1` was there at the start, `-1` left, `~1` changed. */
function short(change: NodeChange): string {
  const signs = { joined: '+', left: '-', changed: '~' } as const;
  const sign = change.kind === 'joined' && change.initial ? '*' : signs[change.kind];
  return `${sign}${change.node.nodeId}`;
}

type Reply = Entry | 'drop' | { readonly refuse: string; readonly code?: string };

interface Watched {
  readonly events: string[];
  readonly polls: WatchPoll[];
  readonly errors: Error[];
  readonly requests: readonly FakeRequest[];
  readonly outcome: unknown;
}

/** Watches a server that gives these replies, one for each poll, until it has given them all. */
async function watchReplies(replies: readonly Reply[], options: object = {}): Promise<Watched> {
  const polls: WatchPoll[] = [];
  const errors: Error[] = [];
  const events: string[] = [];
  const done = new AbortController();
  let next = 0;
  await using fake = await FakeRegistry.start((request, connection) => {
    const reply = replies[next++];
    if (reply === 'drop') connection.socket.destroy();
    else if (reply !== undefined && 'refuse' in reply) {
      connection.refuse(
        request,
        String(reply.refuse),
        reply['code'] === undefined ? {} : { code: reply['code'] },
      );
    } else if (reply !== undefined) connection.answer(reply);
    else done.abort();
  });
  await using client = new RegistryClient({
    address: fake.address,
    maxRepeats: 0,
    reconnect: { baseDelayMs: 1, maxDelayMs: 2 },
  });
  let outcome: unknown = 'ended';
  try {
    const changes = client.watch(3, {
      intervalMs: 1,
      signal: done.signal,
      onPoll: (poll) => polls.push(poll),
      onError: (error) => errors.push(error),
      ...options,
    });
    for await (const change of changes) events.push(short(change));
  } catch (error) {
    outcome = error;
  }
  return { events, polls, errors, requests: fake.requests, outcome };
}

describe('watch', () => {
  it('compares whole lists of a server without versions', async () => {
    const { events, polls, requests, outcome } = await watchReplies([
      list([entry(1), entry(2)]),
      list([entry(1), entry(2)]),
      list([entry(2, { hostname: 'beta' }), entry(3)]),
      list([]),
    ]);
    expect(events).toEqual(['*1', '*2', '-1', '~2', '+3', '-2', '-3']);
    expect(polls.map((poll) => [poll.kind, poll.nodeCount])).toEqual([
      ['full', 2],
      ['full', 2],
      ['full', 2],
      ['full', 0],
    ]);
    expect(requests.map(({ message }) => message['since_version'])).toEqual([0, 0, 0, 0, 0]);
    expect(outcome).toBe('ended');
  });

  it('asks a server with versions for changes only', async () => {
    const { events, polls, requests } = await watchReplies([
      list([entry(1), entry(2)], { version: 10 }),
      list([], { removed: [], since_version: 10, version: 10 }),
      list([entry(2, { tags: ['gpu'] }), entry(3)], { removed: [1], since_version: 10, version: 14 }),
      list([entry(3)], { removed: [99], since_version: 14, version: 15 }),
    ]);
    expect(events).toEqual(['*1', '*2', '-1', '~2', '+3']);
    expect(requests.map(({ message }) => message['since_version'])).toEqual([0, 10, 10, 14, 15]);
    expect(polls.map((poll) => poll.kind)).toEqual(['full', 'delta', 'delta', 'delta']);
    // The last one says nothing new of node 3, and that it is named is news all the same.
    expect(polls.map((poll) => poll.touched)).toEqual([undefined, [], [2, 3], [3]]);
  });

  it('takes a whole list when the server has forgotten the version', async () => {
    const { events } = await watchReplies([
      list([entry(1), entry(2)], { version: 10 }),
      list([entry(2), entry(4)], { version: 3 }),
      list([], { removed: [2], since_version: 3, version: 4 }),
    ]);
    expect(events).toEqual(['*1', '*2', '-1', '+4', '-2']);
  });

  it('outlives lost connections and passing refusals, and then compares everything', async () => {
    const { events, errors, requests } = await watchReplies([
      list([entry(1)], { version: 10 }),
      'drop',
      { refuse: 'request failed', code: 'standby' },
      list([entry(2)], { version: 7 }),
    ]);
    expect(events).toEqual(['*1', '-1', '+2']);
    expect(errors).toMatchObject([{ code: 'CONNECTION_LOST' }, { code: 'REGISTRY_REFUSED' }]);
    expect(requests.map(({ message }) => message['since_version'])).toEqual([0, 10, 0, 0, 7]);
  });

  it('polls at once when its consumer has reason to', async () => {
    let pauses = 0;
    const { events, requests } = await watchReplies(
      [list([entry(1)], { version: 5 }), 'drop', list([entry(2)], { version: 9 })],
      {
        intervalMs: 1_000_000_000,
        onPause: (pollNow: () => void) => {
          pauses += 1;
          setImmediate(pollNow);
        },
      },
    );
    expect(events).toEqual(['*1', '-1', '+2']);
    expect(requests).toHaveLength(4);
    expect(pauses).toBe(3);
  });

  it('compares everything from time to time', async () => {
    const { requests } = await watchReplies(
      [list([], { version: 5 }), list([], { version: 5 }), list([], { version: 5 })],
      { resyncIntervalMs: 1, intervalMs: 10 },
    );
    expect(requests.map(({ message }) => message['since_version'])).toEqual([0, 0, 0, 0]);
  });

  it('throws what does not pass', async () => {
    const refused = await watchReplies([list([entry(1)]), { refuse: 'network 3: network not found' }]);
    expect(refused.outcome).toMatchObject({ code: 'REGISTRY_REFUSED' });
    const nonsense = await watchReplies([{ type: 'list_nodes_ok' }]);
    expect(nonsense.outcome).toMatchObject({ code: 'PROTOCOL' });
    const wrongDelta = await watchReplies([
      list([], { version: 5 }),
      list([], { removed: [], since_version: 4, version: 6 }),
    ]);
    expect(wrongDelta.outcome).toMatchObject({ code: 'PROTOCOL' });
  });

  it('holds no more than maxNodes', async () => {
    const { outcome, events } = await watchReplies([list([entry(1), entry(2), entry(3)])], { maxNodes: 2 });
    expect(outcome).toMatchObject({ code: 'WATCH_TOO_LARGE' });
    expect(events).toEqual(['*1', '*2']);
  });

  it('says nothing of heartbeats, but of everything else', async () => {
    const { events } = await watchReplies([
      list([entry(1, { member_tags: ['a'] })]),
      list([entry(1, { member_tags: ['a'], last_seen: '2026-11-21T07:01:00Z' })]),
      list([entry(1, { member_tags: ['a', 'b'] })]),
      list([{ node_id: 1, address: '3:0003.0000.0001', offline: true }]),
      list([entry(1)]),
    ]);
    expect(events).toEqual(['*1', '~1', '~1', '~1']);
  });

  it('does not poll while its events are not consumed', async () => {
    await using fake = await FakeRegistry.start((_, connection) =>
      connection.answer(list([entry(1), entry(2)])),
    );
    await using client = new RegistryClient({ address: fake.address });
    const changes = client.watch(3, { intervalMs: 1 });
    await changes.next();
    await client.listNodes(4);
    await client.listNodes(4);
    expect(fake.requests.filter(({ message }) => message['network_id'] === 3)).toHaveLength(1);
    expect(await changes.return()).toEqual({ done: true, value: undefined });
  });

  it('ends when the client is closed', async () => {
    await using fake = await FakeRegistry.start((_, connection) => connection.answer(list([entry(1)])));
    const client = new RegistryClient({ address: fake.address });
    const changes = client.watch(3, { intervalMs: 60_000 });
    await changes.next();
    const next = changes.next();
    await vi.waitFor(() => expect(client.stats.unanswered).toBe(0));
    await client.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('refuses options that make no sense', async () => {
    const client = new RegistryClient({ host: 'registry' });
    await expect(client.watch(3, { intervalMs: 0 }).next()).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    await expect(client.watch(3, { jitter: -1 }).next()).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(clientErrors.definitions.OPTIONS_INVALID.summary).toContain('options');
  });
});
