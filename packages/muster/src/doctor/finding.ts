/** One thing that was looked at. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'problem';
  /** What was looked at, in a few words. */
  readonly what: string;
  readonly found: string;
  /** What to change; for all that is not ok. */
  readonly fix?: string;
}

export const ok = (what: string, found: string): Finding => ({ status: 'ok', what, found });
export const warning = (what: string, found: string, fix: string): Finding => ({
  status: 'warning',
  what,
  found,
  fix,
});
export const problem = (what: string, found: string, fix: string): Finding => ({
  status: 'problem',
  what,
  found,
  fix,
});

/** The parts of an examination, in the order in which they are told. */
export const CHECKS = [
  'configuration',
  'versions',
  'ports',
  'clocks',
  'keys',
  'permissions',
  'disk',
  'reachability',
  'agreement',
  'leftovers',
] as const;

export type Check = (typeof CHECKS)[number];

/** A finding, and the part of the examination that it comes from. */
export interface CheckedFinding extends Finding {
  readonly check: Check;
}
