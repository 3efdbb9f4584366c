/**
 * Rules of managed networks and the check of expression policies (spec sections 6.4 and 7.7).
 */
import { isMessage } from '../wire/coercion.ts';
import { formatGoDuration, parseGoDuration, quote } from '../wire/go-text.ts';
import type { Parsed } from '../wire/go-text.ts';
import { encodeJsonText, jsonKind, parseJson } from '../wire/json.ts';
import type { JsonValue } from '../wire/json.ts';

/** How the members of a managed network choose their links. */
export interface NetworkRules {
  readonly links: number;
  /** Go duration text, at least one minute. */
  readonly cycle: string;
  readonly prune: number;
  readonly prune_by: string;
  readonly fill: number;
  readonly fill_how: string;
  /** Go duration text; empty when not given. */
  readonly grace: string;
}

/** Accepted rules and the JSON text that is stored and sent: fields in fixed order, `grace` only when given. */
export interface ValidRules {
  readonly rules: NetworkRules;
  readonly stored: string;
}

const MINUTE_NANOSECONDS = 60_000_000_000n;
const PRUNE_STRATEGIES: ReadonlySet<string> = new Set(['score', 'age', 'activity']);

/** Checks rules given as JSON text or as an object. The error texts are those of spec section 6.4, `rules: ..`. */
export function validateRules(value: string | object): Parsed<ValidRules> {
  const parsed = typeof value === 'string' ? parseJson(value) : ({ ok: true, value } as const);
  if (!parsed.ok) return { ok: false, error: `rules: invalid JSON: ${parsed.error}` };
  const read = readRules(parsed.value);
  if (!read.ok) return { ok: false, error: `rules: invalid JSON: ${read.error}` };
  const error = firstViolation(read.value);
  if (error !== undefined) return { ok: false, error: `rules: ${error}` };
  return { ok: true, value: { rules: read.value, stored: storeRules(read.value) } };
}

/** The stored form: fields in the order of the table in spec section 6.4. */
function storeRules(rules: NetworkRules): string {
  const { links, cycle, prune, prune_by, fill, fill_how, grace } = rules;
  return JSON.stringify({
    links,
    cycle,
    prune,
    prune_by,
    fill,
    fill_how,
    ...(grace === '' ? {} : { grace }),
  });
}

function firstViolation(rules: NetworkRules): string | undefined {
  const { links, prune, prune_by, fill, fill_how } = rules;
  if (links < 1) return `links must be >= 1 (got ${links})`;
  const cycleError = checkCycle(rules.cycle);
  if (cycleError !== undefined) return cycleError;
  if (prune < 0) return `prune must be >= 0 (got ${prune})`;
  if (fill < 0) return `fill must be >= 0 (got ${fill})`;
  if (prune > links) return `prune (${prune}) cannot exceed links (${links})`;
  if (fill > links) return `fill (${fill}) cannot exceed links (${links})`;
  if (prune_by === '') return 'prune_by is required';
  if (!PRUNE_STRATEGIES.has(prune_by)) {
    return `unknown prune_by strategy ${quote(prune_by)} (want score|age|activity)`;
  }
  if (fill_how === '') return 'fill_how is required';
  if (fill_how !== 'random') return `unknown fill_how strategy ${quote(fill_how)} (want random)`;
  return checkGrace(rules.grace);
}

function checkCycle(cycle: string): string | undefined {
  if (cycle === '') return 'cycle is required';
  const duration = parseGoDuration(cycle);
  if (!duration.ok) return `invalid cycle duration ${quote(cycle)}: ${duration.error}`;
  if (duration.value >= MINUTE_NANOSECONDS) return undefined;
  return `cycle must be >= 1m (got ${formatGoDuration(duration.value)})`;
}

function checkGrace(grace: string): string | undefined {
  if (grace === '') return undefined;
  const duration = parseGoDuration(grace);
  if (!duration.ok) return `invalid grace duration ${quote(grace)}: ${duration.error}`;
  return duration.value < 0n ? 'grace must be >= 0' : undefined;
}

const RULE_FIELDS = {
  links: 'int',
  cycle: 'string',
  prune: 'int',
  prune_by: 'string',
  fill: 'int',
  fill_how: 'string',
  grace: 'string',
} as const;

function isRuleField(name: string): name is keyof typeof RULE_FIELDS {
  return Object.hasOwn(RULE_FIELDS, name);
}

/**
 * Reads the fields the way the original fills its structure: names match in either case, `null` and missing fields
 * are zero or empty, unknown ones are ignored, and the first field of a wrong type is the error. A number that is
 * written with a fraction of zero (`1.0`) is taken as the integer, which the original refuses.
 */
function readRules(value: unknown): Parsed<NetworkRules> {
  const rules = { links: 0, cycle: '', prune: 0, prune_by: '', fill: 0, fill_how: '', grace: '' };
  if (value === null) return { ok: true, value: rules };
  if (!isMessage(value)) return mismatch(value, 'value of type NetworkRules');
  const numbers: Record<string, number> = {};
  const texts: Record<string, string> = {};
  for (const [sentName, field] of Object.entries(value)) {
    const name = sentName.toLowerCase();
    if (!isRuleField(name) || field === null || field === undefined) continue;
    const type = RULE_FIELDS[name];
    if (type === 'int' && Number.isSafeInteger(field)) numbers[name] = Number(field);
    else if (type === 'string' && typeof field === 'string') texts[name] = field;
    else return mismatch(field, `struct field NetworkRules.${name} of type ${type}`);
  }
  return { ok: true, value: { ...rules, ...numbers, ...texts } };
}

function mismatch(value: unknown, target: string): { readonly ok: false; readonly error: string } {
  const detail = typeof value === 'number' && !Number.isSafeInteger(value) ? ` ${value}` : '';
  return { ok: false, error: `json: cannot unmarshal ${jsonKind(value)}${detail} into Go ${target}` };
}

/** The only version of expression policies. */
export const EXPR_POLICY_VERSION = 1;

/** True for the values that clear the policy in `set_expr_policy`: an empty text and the text `null`. */
export function clearsExprPolicy(value: unknown): boolean {
  return value === '' || value === 'null';
}

/**
 * Checks an expression policy given as JSON text or as an object; the value is the JSON text to store: the text as
 * sent, or the encoded object. `set_expr_policy` requires the member `rules` (an empty array passes); at the creation
 * of a network it is not looked at.
 *
 * Errors: `expr_policy: invalid JSON: ..`, `expr_policy: unsupported version %d (want 1)`,
 * `expr_policy: at least one rule is required`.
 */
export function validateExprPolicy(
  value: unknown,
  options: { readonly requireRules: boolean },
): Parsed<string> {
  const parsed = typeof value === 'string' ? parseJson(value) : ({ ok: true, value } as const);
  if (!parsed.ok) return { ok: false, error: `expr_policy: invalid JSON: ${parsed.error}` };
  const policy = parsed.value ?? {};
  if (!isMessage(policy)) return invalidPolicy(policy, 'value of type PolicyDocument');
  const version = policy['version'] ?? 0;
  if (!Number.isSafeInteger(version)) {
    return invalidPolicy(version, 'struct field PolicyDocument.version of type int');
  }
  if (version !== EXPR_POLICY_VERSION) {
    return {
      ok: false,
      error: `expr_policy: unsupported version ${Number(version)} (want ${EXPR_POLICY_VERSION})`,
    };
  }
  const rules = policy['rules'] ?? null;
  if (rules !== null && !Array.isArray(rules) && options.requireRules) {
    return invalidPolicy(rules, 'struct field PolicyDocument.rules of type []json.RawMessage');
  }
  if (rules === null && options.requireRules) {
    return { ok: false, error: 'expr_policy: at least one rule is required' };
  }
  return { ok: true, value: typeof value === 'string' ? value : encodeJsonText(policy as JsonValue) };
}

function invalidPolicy(value: unknown, target: string): Parsed<never> {
  return { ok: false, error: `expr_policy: invalid JSON: ${mismatch(value, target).error}` };
}
