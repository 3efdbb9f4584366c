/** What programs need to know of a registry that run none: light to load. */
export { ADMIN_SCOPES } from './auth/admin-tokens.ts';
export type { AdminScope, AdminTokenEntry } from './auth/admin-tokens.ts';
export { refusalCodes } from './operations/refusal.ts';
