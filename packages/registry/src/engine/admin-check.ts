import { type AdminIdentity, type AdminScope, type AdminTokens, permits } from '../auth/index.ts';
import { type Message, readText } from '../wire/index.ts';
import type { Caller } from './caller.ts';

/** The admin token of one request, checked at most once. */
export class AdminCheck {
  readonly #tokens: AdminTokens;
  readonly #message: Message;
  readonly #caller: Caller;
  #identity: AdminIdentity | undefined;
  #checked = false;

  constructor(tokens: AdminTokens, message: Message, caller: Caller) {
    this.#tokens = tokens;
    this.#message = message;
    this.#caller = caller;
  }

  /** Name of the token, for the audit; undefined when there is no valid one. */
  get name(): string | undefined {
    return this.#check()?.name;
  }

  /** Whether the request carries a valid token with this scope. */
  permits(scope: AdminScope): boolean {
    const identity = this.#check();
    return identity !== undefined && permits(identity, scope);
  }

  #check(): AdminIdentity | undefined {
    if (this.#checked) return this.#identity;
    this.#checked = true;
    const token = readText(this.#message, 'admin_token');
    if (token !== '') this.#identity = this.#tokens.check(token);
    if (this.#identity !== undefined) this.#caller.isAdmin = true;
    return this.#identity;
  }
}
