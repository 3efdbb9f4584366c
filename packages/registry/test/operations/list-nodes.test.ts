import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type Fields, Harness, type Reply } from '../support/harness.ts';

interface Entry {
  readonly node_id: number;
}

async function scene(members: number, policy = {}) {
  const h = new Harness({ policy });
  const nodes = [];
  for (let i = 0; i < members; i++) nodes.push(await h.node());
  const network = await h.network('one', 1);
  for (const node of nodes.slice(1)) await h.join(node, network);
  const list = (fields: Fields = {}): Promise<Reply> =>
    h.ask('list_nodes', { network_id: network, ...fields });
  return { h, nodes, network, list };
}

const idsOf = (reply: Reply): number[] => (reply['nodes'] as Entry[]).map((entry) => entry.node_id);

describe('list_nodes', () => {
  it('begins with its type and shows members in order of joining, to the byte', async () => {
    const { h, network } = await scene(2);
    const { text } = await h.execute('list_nodes', { network_id: network });
    const entry = (id: number, role: string): string =>
      `{"address":"1:0001.0000.000${id}","last_seen":"2026-03-04T05:06:07Z","node_id":${id},"public":false,"role":"${role}"}`;
    expect(text).toBe(`{"type":"list_nodes_ok","nodes":[${entry(1, 'owner')},${entry(2, 'member')}]}`);
  });

  it('shows all nodes to admins only, with external ids and without roles', async () => {
    const { h } = await scene(2);
    h.commit({ type: 'node.external_id', id: 2, externalId: 'x-1' });
    expect(await h.ask('list_nodes', { network_id: 0 })).toEqual({
      type: 'error',
      error: 'request failed',
      code: 'auth_admin',
    });
    expect(await h.ask('list_nodes', { network_id: 0, admin_token: ADMIN_TOKEN })).toEqual({
      type: 'list_nodes_ok',
      nodes: [
        { node_id: 1, address: '0:0000.0000.0001', public: false, last_seen: '2026-03-04T05:06:07Z' },
        {
          node_id: 2,
          address: '0:0000.0000.0002',
          public: false,
          last_seen: '2026-03-04T05:06:07Z',
          external_id: 'x-1',
        },
      ],
    });
    const scoped = { network_id: 0, admin_token: h.scopedTokens.get('read') };
    expect(await h.ask('list_nodes', scoped)).toMatchObject({ type: 'list_nodes_ok' });
    const other = { network_id: 0, admin_token: h.scopedTokens.get('nodes') };
    expect(await h.ask('list_nodes', other)).toMatchObject({ code: 'auth_admin' });
  });

  it('follows what happens at once', async () => {
    const { h, nodes, network, list } = await scene(3);
    await list();
    await h.succeed('set_tags', { node_id: 2, tags: ['x'] }, nodes[1]?.signer);
    expect(await list()).toMatchObject({ nodes: [{}, { tags: ['x'] }, {}] });
    await h.succeed('leave_network', { node_id: 2, network_id: network }, nodes[1]?.signer);
    expect(idsOf(await list())).toEqual([1, 3]);
    const late = await h.node();
    await h.join(late, network);
    expect(idsOf(await list())).toEqual([1, 3, late.id]);
  });

  it('in strict directory mode asks for the signature of a member', async () => {
    const { h, nodes, network, list } = await scene(1, { strictDirectoryAuth: true });
    const stranger = await h.node();
    expect(await list({ requester_id: 99 })).toEqual({
      type: 'error',
      error: 'request failed',
      code: 'denied',
    });
    expect(await list({ requester_id: stranger.id })).toMatchObject({
      error: 'node 2 is not a member of network 1',
    });
    expect(await list({ requester_id: 1 })).toMatchObject({
      error: 'signature required for authenticated node',
    });
    const signed = { network_id: network, requester_id: 1 };
    expect(await h.askSigned('list_nodes', signed, stranger.signer)).toMatchObject({
      code: 'auth_signature',
    });
    expect(idsOf(await h.askSigned('list_nodes', signed, nodes[0]?.signer as never))).toEqual([1]);
    expect(idsOf(await list({ admin_token: ADMIN_TOKEN }))).toEqual([1]);
    expect(await list({ network_id: 9 })).toMatchObject({ error: 'network 9: network not found' });
  });

  it('answers all who ask while the list is being built', async () => {
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const slice = async (steps: Generator<void, void>): Promise<void> => {
      await held;
      while (steps.next().done !== true);
    };
    const h = new Harness({ slice });
    const a = await h.node();
    const network = await h.network('one', a.id);
    const both = [1, 2].map(() => h.ask('list_nodes', { network_id: network }));
    goOn();
    expect((await Promise.all(both)).map(idsOf)).toEqual([[1], [1]]);
    expect(h.engine.lists.rebuilds).toBe(1);
  });

  it('says not found when the network goes away while its list is being built', async () => {
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const slice = async (steps: Generator<void, void>): Promise<void> => {
      await held;
      while (steps.next().done !== true);
    };
    const h = new Harness({ slice });
    const a = await h.node();
    const network = await h.network('one', a.id);
    const list = h.ask('list_nodes', { network_id: network });
    h.commit({ type: 'network.deleted', network });
    goOn();
    expect(await list).toMatchObject({ error: 'network 1: network not found' });
  });

  it('does not take a body from the request', async () => {
    const { h, network } = await scene(1);
    const reply = await h.ask('list_nodes', {
      network_id: network,
      _pilot_raw_body: '{"type":"list_nodes_ok"}',
    });
    expect(idsOf(reply)).toEqual([1]);
  });

  it('refuses a list that fits into no message, and gives it in pages', async () => {
    const { list } = await scene(20, { maxReplyBytes: 900 });
    expect(await list()).toEqual({
      type: 'error',
      error: 'list too long for one message (max 900 bytes): use limit and after',
      code: 'reply_too_large',
    });
    expect(idsOf(await list({ limit: 5 }))).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('pages (B-27)', () => {
  it('cover every member exactly once, in ascending order', async () => {
    const { list } = await scene(23);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
        const seen: number[] = [];
        let after: unknown = 0;
        do {
          const page: Reply = await list({ limit, after });
          expect(idsOf(page).length).toBeLessThanOrEqual(limit);
          seen.push(...idsOf(page));
          after = page['next_after'];
        } while (after !== undefined);
        expect(seen).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
      }),
    );
  });

  it('go on behind the last id, whoever has joined or left meanwhile', async () => {
    const { h, nodes, network, list } = await scene(6);
    const first = await list({ limit: 3 });
    expect(first).toMatchObject({ next_after: 3 });
    for (const i of [1, 3]) {
      await h.succeed('leave_network', { node_id: i + 1, network_id: network }, nodes[i]?.signer);
    }
    expect(idsOf(await list({ limit: 3, after: 3 }))).toEqual([5, 6]);
  });
});

describe('deltas (B-27)', () => {
  it('turn an earlier reply into the present one', async () => {
    const { h, nodes, network, list } = await scene(4);
    const full = await list({ since_version: 0 });
    expect(idsOf(full)).toEqual([1, 2, 3, 4]);
    const { version } = full;
    expect(await list({ since_version: version })).toEqual({
      type: 'list_nodes_ok',
      nodes: [],
      removed: [],
      since_version: version,
      version,
    });
    await h.succeed('set_hostname', { node_id: 3, hostname: 'alpha' }, nodes[2]?.signer);
    await h.succeed('leave_network', { node_id: 2, network_id: network }, nodes[1]?.signer);
    const late = await h.node();
    await h.join(late, network);
    const delta = await list({ since_version: version });
    expect(delta).toMatchObject({ removed: [2], since_version: version });
    expect(idsOf(delta)).toEqual([3, late.id]);
  });

  it('are not told from versions that are unknown: the whole list comes instead', async () => {
    const { list } = await scene(2);
    const { version } = await list({ since_version: 0 });
    const ahead = await list({ since_version: (version as number) + 100 });
    expect(idsOf(ahead)).toEqual([1, 2]);
    expect(ahead).not.toHaveProperty('since_version');
  });

  it('of all nodes tell who has gone, also when the list was built anew', async () => {
    const { h, nodes } = await scene(3);
    const all = { network_id: 0, admin_token: ADMIN_TOKEN };
    const { version } = await h.ask('list_nodes', { ...all, since_version: 0 });
    h.engine.lists.sweep(h.now + 1);
    await h.succeed('deregister', { node_id: 2 }, nodes[1]?.signer);
    const next = await h.ask('list_nodes', { ...all, since_version: version });
    if (next['since_version'] === undefined) expect(idsOf(next)).toEqual([1, 3]);
    else expect(next['removed']).toEqual([2]);
  });
});
