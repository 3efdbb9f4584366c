import type { Network } from '../model/network.ts';
import { BACKBONE } from '../model/limits.ts';
import { type JsonValue, RawJson } from '../wire/index.ts';
import { bringsSignature, challenges, signed } from './common.ts';
import { field } from './fields.ts';
import { type Call, defineOperation } from './operation.ts';

const fields = {
  admin_token: field.text('an admin token with the scope `read`: shows member counts, and all networks'),
  requester_id: field.u32('who asks; in strict directory mode, members see their networks'),
  signature: field.text("the requester's signature, in strict directory mode"),
};

/** The networks (spec 7.7). */
export const listNetworks = defineOperation<typeof fields>({
  type: 'list_networks',
  summary: 'The networks. In strict directory mode closed ones are shown only to members and admins.',
  section: '7.7',
  fields,
  auth: 'none',
  challenge: 'list_networks:<requester_id> (strict directory mode)',
  breaker: 'registry.resolve',
  standby: true,
  emits: [],
  replies: {
    networks:
      '[{id, name, join_rule, enterprise, created, members (admins only), max_members? and description? (enterprise), managed? and rules?, has_expr_policy?}]',
  },
  errors: [],
  demands(call) {
    const { state, request, policy } = call;
    if (!policy.strictDirectoryAuth || !bringsSignature(call.message) || call.isAdmin('read')) return [];
    if (state.nodes.liveSlotOf(request.requester_id) < 0) return [];
    return [signed(request.requester_id, challenges.listNetworks(request.requester_id))];
  },
  decide(call, proof) {
    const isAdmin = call.isAdmin('read');
    const requester = proof.signed ? call.request.requester_id : 0;
    const networks: JsonValue[] = [];
    for (const network of call.state.networks.values()) {
      if (mayList(call, network, isAdmin, requester))
        networks.push(entry(call.state.nodes.liveCount, network, isAdmin));
    }
    return { reply: { networks } };
  },
});

function mayList(call: Call, network: Network, isAdmin: boolean, requester: number): boolean {
  if (!call.policy.strictDirectoryAuth || isAdmin) return true;
  return network.profile.joinRule === 'open' || network.has(requester);
}

function entry(liveNodes: number, network: Network, isAdmin: boolean): JsonValue {
  const { id, name, joinRule, enterprise, created, policy, rules, exprPolicy } = network.profile;
  const count = id === BACKBONE ? liveNodes : network.memberCount;
  return {
    id,
    name,
    join_rule: joinRule,
    enterprise,
    created,
    ...(isAdmin ? { members: count } : {}),
    ...(enterprise && policy !== undefined && policy.maxMembers > 0
      ? { max_members: policy.maxMembers }
      : {}),
    ...(enterprise && policy !== undefined && policy.description !== ''
      ? { description: policy.description }
      : {}),
    ...(rules === undefined ? {} : { managed: true, rules: new RawJson(rules) }),
    ...(exprPolicy === undefined ? {} : { has_expr_policy: true }),
  };
}
