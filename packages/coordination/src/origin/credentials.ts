/**
 * Credentials of a registry, read from a file that operators or a controller replace while we run (coordination spec 15.1).
 *
 * Fault model: the file may be missing, half written, or of any content at any later read. Then the last good value stays
 * in use, and the error that is logged tells nothing of the content.
 */

import type { Clock, Logger } from '@muster/core';
import { coordinationErrors } from '../errors.ts';

/** Longest credentials file that is read, in bytes. */
export const MAX_CREDENTIALS_BYTES = 16_384;
/** How often the file is looked at, at most, unless the registry has refused us (15.1). */
export const CREDENTIALS_CHECK_INTERVAL_MS = 60_000;

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The file system as far as it is needed here. */
export interface CredentialsReader {
  /** A text that changes when the file does. Rejects when it cannot be looked at. */
  version(path: string): Promise<string>;
  /** Its content as UTF-8. Rejects when it cannot be read, or is longer than {@link MAX_CREDENTIALS_BYTES}. */
  read(path: string): Promise<string>;
}

/** Reads `user:password`. Throws `CREDENTIALS_INVALID`; the message does not repeat any of the text. */
export function parseCredentials(text: string): Credentials {
  const line = text.trim();
  const colon = line.indexOf(':');
  const isOneLine = !/[\r\n\0]/.test(line);
  if (!isOneLine || colon <= 0 || colon === line.length - 1) {
    throw coordinationErrors.create('CREDENTIALS_INVALID', 'credentials are not one line user:password');
  }
  return { user: line.slice(0, colon), password: line.slice(colon + 1) };
}

/** The value of an `Authorization` header. */
export function basicAuthorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

/** What the origin client asks for credentials. */
export interface CredentialsSource {
  /** The credentials to use now. Never rejects. */
  current(): Promise<Credentials | undefined>;
  /** The registry has refused us: looks at the file now. Resolves with whether there are others now; never rejects. */
  refused(): Promise<boolean>;
}

/** A registry without credentials. */
export const NO_CREDENTIALS: CredentialsSource = {
  current: async () => undefined,
  refused: async () => false,
};

/** Credentials in a file. */
export class CredentialsFile implements CredentialsSource {
  readonly #path: string;
  readonly #reader: CredentialsReader;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #logger: Logger;
  #value: Credentials;
  #version: string;
  #checkedAt: number;
  #check: Promise<boolean> | undefined;

  private constructor(
    path: string,
    parts: {
      readonly reader: CredentialsReader;
      readonly clock: Pick<Clock, 'monotonic'>;
      readonly logger: Logger;
    },
    read: { readonly value: Credentials; readonly version: string },
  ) {
    this.#path = path;
    this.#reader = parts.reader;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#value = read.value;
    this.#version = read.version;
    this.#checkedAt = parts.clock.monotonic();
  }

  /** Reads the file for the first time. Rejects `CREDENTIALS_INVALID` when it is not there or not good: that is fatal. */
  static async load(
    path: string,
    parts: {
      readonly reader: CredentialsReader;
      readonly clock: Pick<Clock, 'monotonic'>;
      readonly logger: Logger;
    },
  ): Promise<CredentialsFile> {
    let version: string;
    let text: string;
    try {
      version = await parts.reader.version(path);
      text = await parts.reader.read(path);
    } catch (cause) {
      throw coordinationErrors.create('CREDENTIALS_INVALID', `the credentials file ${path} cannot be read`, {
        cause,
      });
    }
    return new CredentialsFile(path, parts, { value: parseCredentials(text), version });
  }

  async current(): Promise<Credentials> {
    if (this.#clock.monotonic() - this.#checkedAt >= CREDENTIALS_CHECK_INTERVAL_MS) await this.#lookAgain();
    return this.#value;
  }

  async refused(): Promise<boolean> {
    return this.#lookAgain();
  }

  async #lookAgain(): Promise<boolean> {
    this.#check ??= this.#reload().finally(() => {
      this.#check = undefined;
    });
    return this.#check;
  }

  async #reload(): Promise<boolean> {
    this.#checkedAt = this.#clock.monotonic();
    try {
      const version = await this.#reader.version(this.#path);
      if (version === this.#version) return false;
      const value = parseCredentials(await this.#reader.read(this.#path));
      this.#version = version;
      const isOther = value.user !== this.#value.user || value.password !== this.#value.password;
      this.#value = value;
      return isOther;
    } catch {
      // The cause is left out: a parser's or a reader's message must not carry what it has read.
      this.#logger.error(
        { subsystem: 'origin', path: this.#path },
        'the credentials file cannot be read again; the last good credentials stay in use',
      );
      return false;
    }
  }
}
