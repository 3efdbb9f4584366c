/**
 * Makes values safe to log. What it guarantees: nothing under a name of a secret is shown, at any depth that is
 * shown at all; the result is finite, free of cycles, plain, and bounded in depth, in entries and in text length.
 */

/** Deepest level that is shown; below it stands `…`. */
const MAX_DEPTH = 6;
/** Entries shown of one object or list. */
const MAX_ENTRIES = 100;
/** Characters shown of one text. */
const MAX_TEXT_LENGTH = 4096;

const REDACTED = '<redacted>';

const SECRET_NAME =
  /^(tokens?|passwords?|passphrase|secrets?|authorization|cookie|set_cookie|signature|sig|psk|private_key)$/;
const SECRET_ENDING = /_(tokens?|secrets?|passwords?|passphrase|key|signature|psk)$/;
const PUBLIC_KEY = /(^|_)public_key$/;

/** Names are few and repeat; strangers' names must not grow the table. */
const MAX_KNOWN_NAMES = 1000;
const knownNames = new Map<string, boolean>();

/**
 * True for names whose values are never logged: `token`, `adminToken`, `x-admin-token`, `privateKey`, `signature`, …
 * Public keys are shown.
 */
export function isSecretName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const normal = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
  const secret = SECRET_NAME.test(normal) || (SECRET_ENDING.test(normal) && !PUBLIC_KEY.test(normal));
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(name, secret);
  return secret;
}

/** The fields as they may be logged. Never throws. */
export function loggableFields(fields: object): Record<string, unknown> {
  try {
    return loggableObject(fields, 0);
  } catch (error) {
    return { unloggable: String(error) };
  }
}

function loggable(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_TEXT_LENGTH ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value;
    case 'bigint':
    case 'symbol':
    case 'function':
      return String(value);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Error) return loggableError(value, depth);
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Map) return loggableObject(Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) return loggableList(value, depth);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const plain: unknown = value.toJSON();
    return typeof plain === 'object' && plain !== null
      ? loggableObject(plain, depth)
      : loggable(plain, depth);
  }
  return loggableObject(value, depth);
}

function loggableObject(value: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  let entries = 0;
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    if (entries === MAX_ENTRIES) {
      result['…'] = 'more';
      break;
    }
    entries += 1;
    result[name] = isSecretName(name) && inner !== null ? REDACTED : loggable(inner, depth + 1);
  }
  return result;
}

function loggableList(value: Iterable<unknown>, depth: number): unknown[] {
  const result: unknown[] = [];
  for (const inner of value) {
    if (result.length === MAX_ENTRIES) {
      result.push('…');
      break;
    }
    result.push(loggable(inner, depth + 1));
  }
  return result;
}

/** An error with a code explains itself; of any other the stack is shown, since nobody expected it. */
function loggableError(error: Error, depth: number): Record<string, unknown> {
  const { code, details, cause } = error as { code?: unknown; details?: unknown; cause?: unknown };
  const result: Record<string, unknown> = {};
  if (typeof code === 'string') result['code'] = code;
  result['message'] = loggable(error.message, depth);
  if (typeof details === 'object' && details !== null && Object.keys(details).length > 0) {
    result['details'] = loggable(details, depth + 1);
  }
  if (cause !== undefined) result['cause'] = loggable(cause, depth + 1);
  if (typeof code !== 'string') result['stack'] = loggable(error.stack, depth);
  return result;
}
