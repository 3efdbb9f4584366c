export { MAX_EXPIRY_YEARS, parseExpiry } from './expiry.ts';
export type { Expiry } from './expiry.ts';
export {
  MAX_EXTERNAL_ID_BYTES,
  MAX_JUSTIFICATION_BYTES,
  MAX_LAN_ADDR_BYTES,
  MAX_LAN_ADDRS,
  MAX_LISTEN_ADDR_BYTES,
  MAX_NAME_BYTES,
  MAX_OWNER_BYTES,
  MAX_TAG_BYTES,
  MAX_TAGS,
  MAX_TOKEN_BYTES,
  MAX_VERSION_BYTES,
  normaliseMemberTags,
  normaliseTags,
  validateExternalId,
  validateHostname,
  validateJustification,
  validateLanAddrs,
  validateLength,
  validateListenAddr,
  validateNetworkName,
  validateOwner,
  validateToken,
  validateVersion,
} from './names.ts';
export {
  MAX_ALLOWED_PORTS,
  MAX_MAX_MEMBERS,
  MAX_POLICY_DESCRIPTION_BYTES,
  readAllowedPorts,
  readMaxMembers,
  validatePolicyDescription,
} from './network-policy.ts';
export { policyFromPorts, policyFromRules } from './policy-documents.ts';
export { clearsExprPolicy, EXPR_POLICY_VERSION, validateExprPolicy, validateRules } from './rules.ts';
export type { NetworkRules, ValidRules } from './rules.ts';
