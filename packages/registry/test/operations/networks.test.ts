import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type Fields, Harness, START_SECONDS } from '../support/harness.ts';
import { snapshotOf } from '../support/restore.ts';

const RULES = { links: 2, cycle: '1h', prune: 1, prune_by: 'age', fill: 1, fill_how: 'random' };
const POLICY = { version: 1, rules: [] };
const refusal = (error: string, code: string) => ({ type: 'error', error, code });

async function scene() {
  const h = new Harness();
  const a = await h.node();
  const b = await h.node();
  const create = (fields: Fields) =>
    h.ask('create_network', { node_id: a.id, admin_token: ADMIN_TOKEN, ...fields });
  const join = (network_id: number, fields: Fields = {}) =>
    h.askSigned('join_network', { node_id: b.id, network_id, ...fields }, b.signer);
  return { h, a, b, create, join };
}

describe('create_network', () => {
  it('makes the creator owner and first member', async () => {
    const { h, create } = await scene();
    expect(await create({ name: 'one' })).toEqual({
      type: 'create_network_ok',
      network_id: 1,
      name: 'one',
      enterprise: false,
    });
    expect(h.state.networks.get(1)?.role(1)).toBe('owner');
    expect(await h.ask('lookup', { node_id: 1 })).toMatchObject({ networks: [0, 1] });
    expect(h.audits.at(-1)).toMatchObject({ action: 'network.created', networkId: 1, nodeId: 1 });
    expect(await create({ name: 'two', rules: RULES })).toMatchObject({ network_id: 2, managed: true });
  });

  it('checks in the order of the specification', async () => {
    const { create } = await scene();
    const wrong: [Fields, unknown][] = [
      [{ admin_token: 'x' }, 'invalid admin token'],
      [{ rules: { ...RULES, links: 0 } }, 'request failed'],
      [{ rules: '{' }, expect.stringMatching(/^rules: invalid JSON: /)],
      [{ expr_policy: '{' }, expect.stringMatching(/^expr_policy: invalid JSON: /)],
      [{ expr_policy: { version: 2 } }, 'request failed'],
      [{ name: '' }, 'network name required'],
      [{ name: 'x'.repeat(64) }, 'network name too long (max 63 chars)'],
      [{ name: 'Bad' }, 'request failed'],
      [{ name: 'backbone' }, 'request failed'],
      [{ token: 't'.repeat(257) }, 'token too long (max 256)'],
      [{ join_rule: 'invite' }, 'enterprise feature: invite-only networks require the enterprise flag'],
      [{ node_id: 99 }, 'request failed'],
    ];
    await create({ name: 'taken' });
    // Each request carries the faults of all later rows, too: the first fault is the one that is named.
    for (let i = 0; i < wrong.length; i++) {
      const fields = Object.assign(
        {},
        ...wrong
          .slice(i)
          .map(([fault]) => fault)
          .toReversed(),
      ) as Fields;
      expect([i, await create({ name: 'taken', ...fields })]).toEqual([
        i,
        expect.objectContaining({ error: wrong[i]?.[1] }),
      ]);
    }
    expect(await create({ name: 'taken' })).toMatchObject({ error: 'network "taken" already exists' });
  });

  it('stores its tokens as hashes only (B-48)', async () => {
    const { h, create, join } = await scene();
    await create({ name: 'one', join_rule: 'token', token: 'join-me', network_admin_token: 'rule-me' });
    const stored = Buffer.concat([
      ...h.log.records.map((record) => record.payload),
      ...snapshotOf(h.state).map((block) => Buffer.from(block.bytes)),
    ]).toString('latin1');
    expect(stored).not.toMatch(/join-me|rule-me/);
    expect(await join(1, { token: 'join-me' })).toMatchObject({ type: 'join_network_ok' });
  });

  it('never hands an id out again', async () => {
    const { h, create } = await scene();
    await create({ name: 'one' });
    await h.succeed('delete_network', { network_id: 1, admin_token: ADMIN_TOKEN });
    expect(await create({ name: 'one' })).toMatchObject({ network_id: 2 });
  });

  it('is refused when there are too many', async () => {
    const h = new Harness({ limits: { maxNetworks: 1 } });
    const a = await h.node();
    await h.network('one', a.id);
    const fields = { name: 'two', node_id: a.id, admin_token: ADMIN_TOKEN };
    expect(await h.ask('create_network', fields)).toEqual(refusal('request failed', 'registry_full'));
  });
});

describe('join_network', () => {
  it('answers with what members need', async () => {
    const { h, create, join } = await scene();
    await create({ name: 'one', rules: RULES, expr_policy: JSON.stringify(POLICY) });
    const reply = await join(1);
    expect(reply).toMatchObject({
      type: 'join_network_ok',
      network_id: 1,
      address: '1:0001.0000.0002',
      rules: RULES,
    });
    expect(reply['expr_policy']).toEqual(POLICY);
    expect(h.audits.at(-1)).toEqual({ action: 'network.joined', networkId: 1, nodeId: 2 });
  });

  it('checks in the order of the specification', async () => {
    const { h, b, create, join } = await scene();
    await create({ name: 'open' });
    await create({ name: 'token', join_rule: 'token', token: 'secret' });
    await create({ name: 'invite', join_rule: 'invite', enterprise: true });
    await create({ name: 'odd', join_rule: 'odd' });
    expect(await h.ask('join_network', { node_id: 99, network_id: 0 })).toMatchObject({
      error: 'cannot join the backbone network',
    });
    expect(await h.ask('join_network', { node_id: 99, network_id: 77 })).toEqual(
      refusal('request failed', 'not_found'),
    );
    expect(await h.ask('join_network', { node_id: 2, network_id: 77 })).toMatchObject({
      code: 'auth_signature',
    });
    expect(await join(77)).toMatchObject({ error: 'network 77: network not found' });
    for (const token of ['wrong', '', undefined]) {
      expect(await join(2, { token })).toEqual(refusal('invalid token for network 2', 'auth_token'));
    }
    expect(await join(3)).toMatchObject({
      error: 'invite-only networks require invite_to_network + respond_invite flow',
    });
    expect(await join(4)).toEqual(refusal('request failed', 'invalid_request'));
    await join(1);
    expect(await join(1)).toMatchObject({ error: 'node 2 already in network 1' });
    const network = h.state.networks.get(1);
    if (network !== undefined) {
      network.profile = { ...network.profile, policy: { maxMembers: 2, allowedPorts: [], description: '' } };
    }
    // A full network says so before it looks who is asking.
    expect(await join(1)).toEqual(refusal('request failed', 'limit_reached'));
    await h.succeed('leave_network', { node_id: b.id, network_id: 1 }, b.signer);
    expect(await join(1)).toMatchObject({ type: 'join_network_ok' });
  });
});

describe('leave_network', () => {
  it('forgets role and tags of the member (B-49)', async () => {
    const { h, b, create, join } = await scene();
    await create({ name: 'one' });
    await join(1);
    h.state.networks.get(1)?.tags.set(2, ['x']);
    expect(await h.succeed('leave_network', { node_id: 2, network_id: 1 }, b.signer)).toEqual({
      type: 'leave_network_ok',
      network_id: 1,
    });
    expect(h.audits.at(-1)).toMatchObject({ action: 'network.left' });
    await join(1);
    expect(await h.ask('list_nodes', { network_id: 1 })).toMatchObject({
      nodes: [{}, { node_id: 2, role: 'member' }],
    });
    expect((await h.execute('list_nodes', { network_id: 1 })).text).not.toContain('member_tags');
  });

  it('checks in the order of the specification', async () => {
    const { h, a, b, create } = await scene();
    await create({ name: 'one', enterprise: true });
    const leave = (node_id: number, network_id: number) =>
      h.askSigned('leave_network', { node_id, network_id }, node_id === 1 ? a.signer : b.signer);
    expect(await leave(99, 0)).toMatchObject({ error: 'cannot leave the backbone network' });
    expect(await leave(99, 1)).toEqual(refusal('request failed', 'not_found'));
    expect(await h.ask('leave_network', { node_id: 2, network_id: 9 })).toMatchObject({
      code: 'auth_signature',
    });
    expect(await leave(2, 9)).toMatchObject({ error: 'network 9: network not found' });
    expect(await leave(1, 1)).toMatchObject({
      error: 'cannot leave network: owner must transfer ownership first',
    });
    expect(await leave(2, 1)).toMatchObject({ error: 'node 2 is not a member of network 1' });
  });
});

describe('networks in the hands of their owners and admins', () => {
  it('are deleted with all memberships', async () => {
    const { h, create, join } = await scene();
    await create({ name: 'one' });
    await join(1);
    expect(await h.ask('delete_network', { network_id: 0, admin_token: ADMIN_TOKEN })).toMatchObject({
      error: 'cannot delete the backbone network',
    });
    expect(await h.ask('delete_network', { network_id: 1, admin_token: ADMIN_TOKEN })).toEqual({
      type: 'delete_network_ok',
      network_id: 1,
    });
    for (const node_id of [1, 2]) expect(await h.ask('lookup', { node_id })).toMatchObject({ networks: [0] });
    expect(await h.ask('list_nodes', { network_id: 1 })).toMatchObject({
      error: 'network 1: network not found',
    });
    expect(await h.ask('check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: false });
  });

  it('are renamed, and the old name is free', async () => {
    const { h, create } = await scene();
    await create({ name: 'one' });
    await create({ name: 'two' });
    const rename = (network_id: number, name: string) =>
      h.ask('rename_network', { network_id, name, admin_token: ADMIN_TOKEN });
    expect(await rename(0, 'x')).toMatchObject({ error: 'cannot rename the backbone network' });
    expect(await rename(1, '')).toMatchObject({ error: 'network name required' });
    expect(await rename(1, 'two')).toMatchObject({ error: 'network "two" already exists' });
    expect(await rename(1, 'uno')).toEqual({ type: 'rename_network_ok', network_id: 1, name: 'uno' });
    expect(await rename(1, 'uno')).toMatchObject({ name: 'uno' });
    expect(await create({ name: 'one' })).toMatchObject({ network_id: 3 });
    const { networks } = (await h.ask('list_networks')) as { networks: { name: string }[] };
    expect(networks.map((network) => network.name).sort()).toEqual(['backbone', 'one', 'two', 'uno']);
  });

  it('keep their roles while enterprise is off (B-49), and the lists follow', async () => {
    const { h, create, join } = await scene();
    await create({ name: 'one', enterprise: true });
    await join(1);
    await h.ask('list_nodes', { network_id: 1 });
    const flag = (enterprise: boolean) =>
      h.ask('set_network_enterprise', { network_id: 1, enterprise, admin_token: ADMIN_TOKEN });
    expect(await flag(false)).toEqual({
      type: 'set_network_enterprise_ok',
      network_id: 1,
      enterprise: false,
    });
    expect(await flag(true)).toMatchObject({ enterprise: true });
    const { nodes } = (await h.ask('list_nodes', { network_id: 1 })) as { nodes: unknown };
    expect(nodes).toMatchObject([{ role: 'owner' }, { role: 'member' }]);
  });

  it('make their first member owner when enterprise is switched on and there is none', async () => {
    const { h, a, b, create, join } = await scene();
    await create({ name: 'one' });
    await join(1);
    await h.succeed('leave_network', { node_id: 1, network_id: 1 }, a.signer);
    await h.ask('list_nodes', { network_id: 1 });
    await h.succeed('set_network_enterprise', { network_id: 1, enterprise: true, admin_token: ADMIN_TOKEN });
    expect(await h.ask('list_nodes', { network_id: 1 })).toMatchObject({
      nodes: [{ node_id: b.id, role: 'owner' }],
    });
    const wrong = { enterprise: true, admin_token: ADMIN_TOKEN };
    expect(await h.ask('set_network_enterprise', { network_id: 0, ...wrong })).toMatchObject({
      error: 'cannot set enterprise on the backbone network',
    });
    expect(await h.ask('set_network_enterprise', { network_id: 9, ...wrong })).toMatchObject({
      code: 'not_found',
    });
  });
});

describe('list_networks', () => {
  it('shows member counts to admins only', async () => {
    const { h, create } = await scene();
    await create({ name: 'one', rules: RULES, expr_policy: POLICY, join_rule: 'token', token: 'secret' });
    const one = {
      id: 1,
      name: 'one',
      join_rule: 'token',
      enterprise: false,
      created: START_SECONDS,
      managed: true,
      rules: RULES,
      has_expr_policy: true,
    };
    const backbone = { id: 0, name: 'backbone', join_rule: 'open', enterprise: false, created: 0 };
    expect(await h.ask('list_networks')).toEqual({ type: 'list_networks_ok', networks: [backbone, one] });
    expect(await h.ask('list_networks', { admin_token: ADMIN_TOKEN })).toEqual({
      type: 'list_networks_ok',
      networks: [
        { ...backbone, members: 2 },
        { ...one, members: 1 },
      ],
    });
  });

  it('in strict directory mode shows closed networks to members and admins only', async () => {
    const { h, a, b, create } = await scene();
    await create({ name: 'closed', join_rule: 'token', token: 'secret' });
    const strict = new Harness({ state: h.state, log: h.log, policy: { strictDirectoryAuth: true } });
    const ids = async (fields: Fields): Promise<unknown> =>
      ((await strict.ask('list_networks', fields))['networks'] as { id: number }[]).map(
        (network) => network.id,
      );
    const by = (requester_id: number, signature: string) => ids({ requester_id, signature });
    expect(await ids({})).toEqual([0]);
    expect(await ids({ requester_id: a.id })).toEqual([0]);
    expect(await by(a.id, a.signer.sign(`list_networks:${a.id}`))).toEqual([0, 1]);
    expect(await by(b.id, b.signer.sign(`list_networks:${b.id}`))).toEqual([0]);
    const admin = new Harness({ state: h.state, log: h.log, policy: { strictDirectoryAuth: true } });
    expect((await admin.ask('list_networks', { admin_token: ADMIN_TOKEN }))['networks']).toHaveLength(2);
  });
});
