import { hashSecret } from '../auth/index.ts';
import {
  validateExprPolicy,
  validateNetworkName,
  validateRules,
  validateToken,
} from '../validation/index.ts';
import { quote } from '../wire/index.ts';
import { field, type RequestOf } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the creator, who becomes owner and first member'),
  name: field.text('unique, at most 63 bytes'),
  join_rule: field.text('`open` (default), `token` or `invite`'),
  token: field.text('join token, for the rule `token`'),
  network_admin_token: field.text("the network's own admin token"),
  enterprise: field.bool('enterprise features'),
  rules: field.json('managed-network rules, as text or object'),
  expr_policy: field.json('policy expression, as text or object, version 1'),
  admin_token: field.text('an admin token with the scope `networks`'),
};

/** Creates a network (spec 7.7). Tokens are stored as salted hashes (B-48). */
export const createNetwork = defineOperation<typeof fields>({
  type: 'create_network',
  summary: 'Creates a network; its creator becomes owner and first member.',
  section: '7.7',
  fields,
  auth: 'admin',
  breaker: 'registry.network_admin',
  standby: false,
  emits: ['network.created'],
  replies: { network_id: 'u16', name: 'its name', enterprise: 'bool', managed: 'true when it has rules' },
  errors: [
    'rules: ..',
    'expr_policy: invalid JSON: ..',
    'expr_policy: unsupported version %d (want 1)',
    'network name required',
    'network name too long (max 63 chars)',
    'network name must be lowercase alphanumeric with hyphens, start/end with alphanumeric',
    'network name %q is reserved',
    'enterprise feature: invite-only networks require the enterprise flag',
    'node %d not registered',
    'network ID space exhausted (max 65535 networks)',
    'network %q already exists',
  ],
  demands: () => [{ kind: 'admin', scope: 'networks' }],
  decide({ state, request, now, random }) {
    const rules = readRules(request.rules);
    const exprPolicy = readExprPolicy(request.expr_policy);
    const joinRule = request.join_rule === '' ? 'open' : request.join_rule;
    checkRequest(request, joinRule);
    if (state.nodes.liveSlotOf(request.node_id) < 0)
      refuse('not_found', `node ${request.node_id} not registered`);
    const { maxNetworks } = state.limits;
    let id = state.nextNetwork;
    while (state.networks.has(id)) id++;
    if (id > 0xffff || state.networks.size > maxNetworks) {
      refuse('registry_full', 'network ID space exhausted (max 65535 networks)');
    }
    if (state.networksByName.has(request.name))
      refuse('conflict', `network ${quote(request.name)} already exists`);
    const { enterprise, name } = request;
    return {
      reply: { network_id: id, name, enterprise, managed: rules === undefined ? undefined : true },
      events: [
        {
          type: 'network.created',
          id,
          name,
          joinRule,
          enterprise,
          creator: request.node_id,
          at: now,
          ...(request.token === '' ? {} : { token: hashSecret(request.token, random) }),
          ...(request.network_admin_token === ''
            ? {}
            : { adminToken: hashSecret(request.network_admin_token, random) }),
          ...(rules === undefined ? {} : { rules }),
          ...(exprPolicy === undefined ? {} : { exprPolicy }),
        },
      ],
      audit: [
        {
          action: 'network.created',
          networkId: id,
          nodeId: request.node_id,
          details: { name, join_rule: joinRule, enterprise },
        },
      ],
    };
  },
});

function readRules(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' && typeof value !== 'object') return undefined;
  const result = validateRules(value);
  return result.ok ? result.value.stored : refuse('invalid_request', result.error);
}

function readExprPolicy(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const result = validateExprPolicy(value, { requireRules: false });
  return result.ok ? result.value : refuse('invalid_request', result.error);
}

function checkRequest(request: RequestOf<typeof fields>, joinRule: string): void {
  const problem =
    validateNetworkName(request.name) ??
    validateToken(request.token) ??
    validateToken(request.network_admin_token, 'network_admin_token') ??
    validateToken(joinRule, 'join_rule');
  if (problem !== undefined) refuse('invalid_request', problem);
  if (joinRule === 'invite' && !request.enterprise) {
    refuse('enterprise_required', 'enterprise feature: invite-only networks require the enterprise flag');
  }
}
