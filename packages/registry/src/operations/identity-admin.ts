import { urlError } from '../outbound/index.ts';
import { validateExternalId, validateLength } from '../validation/index.ts';
import { field } from './fields.ts';
import { defineOperation, type Demand } from './operation.ts';
import { refuse } from './refusal.ts';

const adminToken = field.text('an admin token with the scope `identity`');
const MAX_URL_BYTES = 2048;
const MAX_SETTING_BYTES = 256;

const setExternalIdFields = {
  node_id: field.u32('the node'),
  external_id: field.text('its name in another system, at most 256 bytes; empty clears it'),
  admin_token: adminToken,
};

/** Ties a node to its name in another system (spec 7.5). */
export const setExternalId = defineOperation<typeof setExternalIdFields>({
  type: 'set_external_id',
  summary: "Sets or clears a node's external id.",
  section: '7.5',
  fields: setExternalIdFields,
  auth: 'admin',
  standby: false,
  emits: ['node.external_id'],
  replies: { node_id: 'u32', external_id: 'the one in force' },
  errors: ['node not found'],
  demands: () => [{ kind: 'admin', scope: 'identity' }],
  decide({ state, request }, proof) {
    if (state.nodes.liveSlotOf(request.node_id) < 0) refuse('not_found', 'node not found');
    const problem = validateExternalId(request.external_id);
    if (problem !== undefined) refuse('invalid_request', problem);
    return {
      reply: { node_id: request.node_id, external_id: request.external_id },
      events: [{ type: 'node.external_id', id: request.node_id, externalId: request.external_id }],
      audit: [
        { action: 'identity.external_id_set', nodeId: request.node_id, details: { by: proof.admin ?? '' } },
      ],
    };
  },
});

const getIdentityFields = { node_id: field.u32('the node'), admin_token: adminToken };

/** External id and owner of a node (spec 7.5). */
export const getIdentity = defineOperation<typeof getIdentityFields>({
  type: 'get_identity',
  summary: "A node's external id and owner label.",
  section: '7.5',
  fields: getIdentityFields,
  auth: 'admin',
  standby: true,
  emits: [],
  replies: { node_id: 'u32', external_id: 'may be empty', owner: 'may be empty' },
  errors: ['node not found'],
  demands: () => [{ kind: 'admin', scope: 'identity' }],
  decide({ state, request }) {
    const slot = state.nodes.liveSlotOf(request.node_id);
    if (slot < 0) refuse('not_found', 'node not found');
    const { externalId, owner } = state.nodes.profile(slot);
    return { reply: { node_id: request.node_id, external_id: externalId, owner } };
  },
});

function requireUrl(type: string, url: string): void {
  const problem = validateLength('url', url, MAX_URL_BYTES) ?? urlError(url);
  if (problem !== undefined) refuse('invalid_request', `${type}: ${problem}`);
}

const webhookFields = { url: field.text('http or https; empty disables'), admin_token: adminToken };

/** Where identity tokens of registrations are checked (spec 7.5, 12.4). Survives a restart (B-55). */
export const setIdentityWebhook = defineOperation<typeof webhookFields>({
  type: 'set_identity_webhook',
  summary: 'Sets the service that checks the identity tokens of registrations.',
  section: '7.5, 12.4',
  fields: webhookFields,
  auth: 'admin',
  standby: false,
  emits: ['settings.identity_webhook'],
  replies: { status: '`enabled` or `disabled`' },
  errors: ['set_identity_webhook: ..'],
  demands: () => [{ kind: 'admin', scope: 'identity' }],
  decide({ request }) {
    if (request.url !== '') requireUrl('set_identity_webhook', request.url);
    return {
      reply: { status: request.url === '' ? 'disabled' : 'enabled' },
      events: [{ type: 'settings.identity_webhook', url: request.url }],
    };
  },
});

const setProviderFields = {
  idp_type: field.text('oidc, saml, webhook, entra_id or ldap; empty disables'),
  url: field.text('where its key set is; empty disables'),
  issuer: field.text('expected issuer of tokens'),
  client_id: field.text('expected audience of tokens'),
  tenant_id: field.text('informational'),
  domain: field.text('informational'),
  admin_token: adminToken,
};

/** Configures the identity provider (spec 7.5). */
export const setIdpConfig = defineOperation<typeof setProviderFields>({
  type: 'set_idp_config',
  summary: 'Sets the identity provider whose tokens validate_token checks.',
  section: '7.5, 12.4',
  fields: setProviderFields,
  auth: 'admin',
  standby: false,
  emits: ['settings.identity_provider'],
  replies: { status: '`enabled` or `disabled`', idp_type: 'the type in force' },
  errors: ['set_idp_config: ..'],
  demands: () => [{ kind: 'admin', scope: 'identity' }],
  decide({ request }) {
    const enabled = request.idp_type !== '' && request.url !== '';
    if (request.url !== '') requireUrl('set_idp_config', request.url);
    for (const name of ['idp_type', 'issuer', 'client_id', 'tenant_id', 'domain'] as const) {
      const problem = validateLength(name, request[name], MAX_SETTING_BYTES);
      if (problem !== undefined) refuse('invalid_request', `set_idp_config: ${problem}`);
    }
    const provider = {
      type: request.idp_type,
      url: request.url,
      ...(request.issuer === '' ? {} : { issuer: request.issuer }),
      ...(request.client_id === '' ? {} : { clientId: request.client_id }),
      ...(request.tenant_id === '' ? {} : { tenantId: request.tenant_id }),
      ...(request.domain === '' ? {} : { domain: request.domain }),
    };
    return {
      reply: { status: enabled ? 'enabled' : 'disabled', idp_type: request.idp_type },
      events: [{ type: 'settings.identity_provider', provider: enabled ? provider : undefined }],
      audit: [{ action: 'idp.configured', details: { type: request.idp_type, enabled } }],
    };
  },
});

const getProviderFields = { admin_token: adminToken };

/** The identity provider in force (spec 7.5). */
export const getIdpConfig = defineOperation<typeof getProviderFields>({
  type: 'get_idp_config',
  summary: 'The identity provider in force.',
  section: '7.5',
  fields: getProviderFields,
  auth: 'admin',
  standby: true,
  emits: [],
  replies: {
    configured: 'bool',
    idp_type: 'when configured, as url',
    issuer: 'if set, as client_id, tenant_id and domain',
  },
  errors: [],
  demands: () => [{ kind: 'admin', scope: 'identity' }],
  decide({ state }) {
    const provider = state.identityProvider;
    if (provider === undefined) return { reply: { configured: false } };
    return {
      reply: {
        configured: true,
        idp_type: provider.type,
        url: provider.url,
        issuer: provider.issuer,
        client_id: provider.clientId,
        tenant_id: provider.tenantId,
        domain: provider.domain,
      },
    };
  },
});

const validateTokenFields = { token: field.text('a JWT of the identity provider'), admin_token: adminToken };

/** Checks a token of the identity provider (spec 7.5, 12.4). */
export const validateToken = defineOperation<typeof validateTokenFields>({
  type: 'validate_token',
  summary: "Checks a token against the identity provider's keys, issuer and audience.",
  section: '7.5, 12.4',
  fields: validateTokenFields,
  auth: 'admin',
  standby: false,
  emits: [],
  replies: { verified: 'bool', subject: 'when verified, as issuer', error: 'when not verified: why' },
  errors: ['token is required', 'no identity provider configured'],
  demands(call) {
    const admin: Demand = { kind: 'admin', scope: 'identity' };
    // Strangers must not learn whether a provider is configured.
    if (!call.isAdmin('identity')) return [admin];
    if (call.request.token === '') refuse('invalid_request', 'token is required');
    if (call.state.identityProvider === undefined)
      refuse('not_configured', 'no identity provider configured');
    return [admin, { kind: 'provider-token', token: call.request.token }];
  },
  decide(_call, proof) {
    const result = proof.provider;
    if (result === undefined) return refuse('internal', 'the token was not checked');
    if (!result.verified) return { reply: { verified: false, error: result.error } };
    return { reply: { verified: true, subject: result.subject, issuer: result.issuer } };
  },
});
