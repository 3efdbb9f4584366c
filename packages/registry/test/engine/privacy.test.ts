import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Directory } from '../../src/model/directory.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import { ADMIN_TOKEN, BEACON, Harness, type TestNode } from '../support/harness.ts';
import { badgeKeys, RandomRequests, recoveryKeys, type RandomRequest } from '../support/random-requests.ts';

/** Requests that show something, and those that change who may see it. */
const TYPES = [
  'lookup resolve resolve punch punch list_nodes list_nodes resolve_hostname check_trust',
  'register register set_visibility report_trust revoke_trust join_network leave_network',
  'create_network list_networks heartbeat deregister get_key_info get_identity rotate_key',
].flatMap((types) => types.split(' '));

/** Whether this request may see where the node in this slot is: spec 9, written down a second time. */
function maySee(state: Directory, slot: number, request: RandomRequest): boolean {
  const { nodes, networks, trust } = state;
  if (nodes.has(slot, NodeFlag.relayOnly)) return false;
  if (nodes.has(slot, NodeFlag.public)) return true;
  const id = nodes.idOf(slot);
  if (!request.honest || nodes.liveSlotOf(request.acting) < 0) return false;
  if (request.acting === id || trust.trusted(request.acting, id)) return true;
  return [...networks.values()].some((one) => one.id !== 0 && one.has(id) && one.has(request.acting));
}

describe('no answer shows where a node is to somebody who may not know (B-19)', () => {
  it.each([false, true])('whatever is asked (strict directory mode: %s)', async (strictDirectoryAuth) => {
    let shown = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const h = new Harness({ policy: { strictDirectoryAuth }, badgeKeys, recoveryKeys });
        const requests = new RandomRequests(h, seed, TYPES);
        let port = 20_000;
        for (let i = 0; i < 400; i++) {
          const request = requests.next();
          if (request.type === 'register') {
            // Every registration claims a port of its own, which gives its addresses away wherever they show.
            const key = request.fields['public_key'];
            await h.ask(
              'register',
              {
                ...request.fields,
                public_key: key,
                lan_addrs: [`192.168.7.7:${++port}`],
                listen_addr: '',
                signature: '',
              },
              h.caller('203.0.113.9', port),
            );
            continue;
          }
          const hidden = secretsFrom(h.state, request);
          const { text } = await h.execute(request.type, request.fields, request.caller);
          const leaked = hidden.filter((address) => text.includes(address));
          if (leaked.length > 0) expect([request.type, text, leaked]).toBe('hidden');
          if (text.includes('203.0.113.9:')) shown++;
        }
      }),
      { numRuns: 15 },
    );
    expect(shown).toBeGreaterThan(50);
  });
});

/** The addresses of all nodes that this request may not learn. */
function secretsFrom(state: Directory, request: RandomRequest): string[] {
  const secrets: string[] = [];
  for (let slot = 0; slot < state.nodes.usedSlots; slot++) {
    if (state.nodes.idOf(slot) === 0 || maySee(state, slot, request)) continue;
    const { realAddr, lanAddrs } = state.nodes.profile(slot);
    secrets.push(realAddr, ...lanAddrs);
  }
  return secrets;
}

describe('a relay-only node', () => {
  async function scene(isPublic: boolean) {
    const h = new Harness();
    const relay = await h.node({
      relay_only: true,
      lan_addrs: ['10.0.0.1:4000'],
      listen_addr: '10.0.0.2:7777',
    });
    await h.succeed('set_visibility', { node_id: relay.id, public: isPublic }, relay.signer);
    const friend = await h.node();
    await h.befriend(relay, friend);
    const network = await h.network('one', friend.id);
    await h.join(relay, network);
    return { h, relay, friend, network };
  }

  it('shows the beacon instead of itself to its friends', async () => {
    const { h, relay, friend } = await scene(false);
    const ask = { node_id: relay.id, requester_id: friend.id };
    expect(await h.succeed('resolve', ask, friend.signer)).toEqual({
      type: 'resolve_ok',
      node_id: relay.id,
      real_addr: BEACON,
      relay_only: true,
      key_age_days: 0,
    });
    const punch = { requester_id: friend.id, node_a: friend.id, node_b: relay.id };
    expect(await h.succeed('punch', punch, friend.signer)).toMatchObject({ node_b_addr: BEACON });
  });

  it('shows the beacon to everybody when it is public', async () => {
    const { h, relay, network } = await scene(true);
    expect(await h.ask('lookup', { node_id: relay.id })).toMatchObject({
      real_addr: BEACON,
      endpoint: BEACON,
      relay_only: true,
    });
    const { text } = await h.execute('list_nodes', { network_id: network });
    expect(text).toContain(`"real_addr":"${BEACON}"`);
    expect(text).not.toContain(':7777');
    const all = await h.execute('list_nodes', { network_id: 0, admin_token: ADMIN_TOKEN });
    expect(all.text).not.toContain(':7777');
  });
});

describe('a private node', () => {
  it('is not found by a name in spite of a claimed requester (B-18)', async () => {
    const h = new Harness();
    const hidden = await h.node({ hostname: 'hidden' });
    const friend = await h.node();
    await h.befriend(hidden, friend);
    const ask = { hostname: 'hidden', requester_id: friend.id };
    expect(await h.ask('resolve_hostname', ask)).toMatchObject({ error: 'hostname "hidden" not found' });
    expect(await h.askSigned('resolve_hostname', ask, h.signer())).toMatchObject({ code: 'auth_signature' });
    expect(await h.askSigned('resolve_hostname', ask, friend.signer)).toMatchObject({ node_id: hidden.id });
    const caller = h.caller();
    await h.succeed('heartbeat', { node_id: friend.id }, friend.signer, caller);
    expect(await h.ask('resolve_hostname', ask, caller)).toMatchObject({ node_id: hidden.id });
    const believing = new Harness({ state: h.state, log: h.log, policy: { allowUnsignedRequester: true } });
    expect(await believing.ask('resolve_hostname', ask)).toMatchObject({ node_id: hidden.id });
  });

  it('is not resolved by a trust that only one side has declared (B-21)', async () => {
    const h = new Harness();
    const hidden = await h.node();
    const stranger = await h.node();
    const ask = { node_id: hidden.id, requester_id: stranger.id };
    const denied = { error: 'request failed', code: 'private' };
    const report = (by: TestNode, peer: TestNode) =>
      h.succeed('report_trust', { node_id: by.id, peer_id: peer.id }, by.signer);
    await report(stranger, hidden);
    expect(await h.askSigned('resolve', ask, stranger.signer)).toMatchObject(denied);
    expect(await h.ask('check_trust', { node_id: 1, peer_id: 2 })).toEqual({
      type: 'check_trust_ok',
      trusted: false,
    });
    await report(hidden, stranger);
    expect(await h.askSigned('resolve', ask, stranger.signer)).toMatchObject({ type: 'resolve_ok' });
    expect(await h.ask('check_trust', { node_id: 2, peer_id: 1 })).toMatchObject({ trusted: true });
    await h.succeed('revoke_trust', { node_id: stranger.id, peer_id: hidden.id }, stranger.signer);
    expect(await h.askSigned('resolve', ask, stranger.signer)).toMatchObject(denied);
  });
});
