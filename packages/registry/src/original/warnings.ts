/** What can be odd in a file of the original without making it unreadable. */
export type OriginalWarningCode =
  | 'BACKBONE_MISSING'
  | 'BACKBONE_INCOMPLETE'
  | 'ROLES_ASSUMED'
  | 'UNKNOWN_MEMBER'
  | 'TIME_INVALID'
  | 'ID_INVALID'
  | 'ID_MISMATCH'
  | 'NODE_DUPLICATE'
  | 'NODE_KEY_INVALID'
  | 'NETWORK_DUPLICATE'
  | 'DUPLICATE_HOSTNAME'
  | 'DUPLICATE_OWNER'
  | 'DUPLICATE_KEY'
  | 'DUPLICATE_NETWORK_NAME'
  | 'DUPLICATE_MEMBER'
  | 'MEMBER_WITHOUT_NODE'
  | 'MEMBER_NOT_LISTED'
  | 'NODE_NOT_LISTED'
  | 'NETWORK_UNKNOWN'
  | 'NETWORK_WITHOUT_OWNER'
  | 'ROLE_UNKNOWN'
  | 'ROLE_WITHOUT_MEMBER'
  | 'TAGS_WITHOUT_MEMBER'
  | 'TRUST_PAIR_INVALID'
  | 'TRUST_UNKNOWN_NODE'
  | 'KEY_INDEX_INVALID'
  | 'KEY_INDEX_CONFLICT'
  | 'INBOX_UNKNOWN_NODE'
  | 'INVITE_UNKNOWN_NETWORK'
  | 'PRE_ASSIGN_UNKNOWN_NETWORK'
  | 'NEXT_NODE_TOO_LOW'
  | 'NEXT_NET_TOO_LOW'
  | 'AUDIT_CHAIN_BROKEN'
  | 'LOG_CONFLICT'
  | 'LOG_INVALID';

/** Something odd that was found, and where. */
export interface OriginalWarning {
  readonly code: OriginalWarningCode;
  /** For a person. Never holds a secret. */
  readonly message: string;
  /** Where in the file, for example `networks.3.members`. */
  readonly path: string;
}

/** Collected warnings. */
export interface OriginalWarningReport {
  /** In the order they were found; at most the first `maxPerCode` of each code. */
  readonly warnings: readonly OriginalWarning[];
  /** How many there were of each code, including those that are not listed. */
  readonly totals: ReadonlyMap<OriginalWarningCode, number>;
}

/** Warnings listed per code when no other bound is given. */
export const defaultMaxWarningsPerCode = 1_000;

/** Collects warnings: every one is counted, and the first ones of each code are listed. */
export class OriginalWarnings implements OriginalWarningReport {
  readonly warnings: OriginalWarning[] = [];
  readonly totals = new Map<OriginalWarningCode, number>();
  readonly #maxPerCode: number;

  constructor(maxPerCode: number = defaultMaxWarningsPerCode) {
    this.#maxPerCode = maxPerCode;
  }

  /** Adds a warning. */
  add(code: OriginalWarningCode, path: string, message: string): void {
    const count = (this.totals.get(code) ?? 0) + 1;
    this.totals.set(code, count);
    if (count <= this.#maxPerCode) this.warnings.push({ code, message, path });
  }
}
