/**
 * Coded errors. Every error that a user, a client or a log can see has a stable code, typed details and a hint
 * that says what to do; the cause is kept. Codes are declared once per package with {@link defineErrors}, and a
 * generated page lists them.
 */

/** What is known of an error code: declared once, never changed in meaning. */
export interface ErrorDefinition {
  /** One sentence for a person: what this code means. */
  readonly summary: string;
  /** What the reader can do about it. */
  readonly hint?: string;
}

/** An error with a code. */
export class MusterError<Code extends string = string> extends Error {
  override readonly name = 'MusterError';
  readonly code: Code;
  readonly hint: string | undefined;
  /** Facts about this occurrence, safe to log. Never secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: Code,
    message: string,
    options: { hint?: string | undefined; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** A family of codes: creates errors, and is the list that the reference page is generated from. */
export interface ErrorFamily<Code extends string> {
  readonly definitions: Readonly<Record<Code, ErrorDefinition>>;
  /** Makes an error of this family; the hint of the definition is attached unless one is given. */
  create<C extends Code>(
    code: C,
    message: string,
    options?: { hint?: string; details?: Record<string, unknown>; cause?: unknown },
  ): MusterError<C>;
}

/** Declares a family of error codes. */
export function defineErrors<const Code extends string>(
  definitions: Record<Code, ErrorDefinition>,
): ErrorFamily<Code> {
  return {
    definitions,
    create(code, message, options = {}) {
      return new MusterError(code, message, { ...options, hint: options.hint ?? definitions[code].hint });
    },
  };
}

/** The code of an error: ours, or the POSIX one of a system error; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
