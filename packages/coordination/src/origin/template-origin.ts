import { coordinationErrors } from '../errors.ts';
import type { OriginAdapter, OriginObject } from '../parts.ts';
import type { Digest, ObjectKind } from '../types.ts';
import { ObjectReader, type ObjectRequest, type ReaderParts } from './object-reader.ts';

const PLACEHOLDER = /\{([^{}]*)\}/g;
const NAMES = new Set(['namespace', 'file', 'repository', 'hex']);
/** Stands where a placeholder is, for the check of the template. */
const SAMPLE = 'x';

export interface TemplateOriginOptions extends ReaderParts {
  readonly name: string;
  /** See {@link TemplateOrigin}. */
  readonly template: string;
}

/**
 * Files of any server by a URL template, verified by SHA-256 like everything else (coordination spec 28.3): packages,
 * models, data. Placeholders, in the path or the query:
 *
 * - `{repository}`: the whole name, `{namespace}` and `{file}`: all of it before its last slash, and what follows;
 * - `{hex}`: the digest without `sha256:`.
 *
 * `https://files.example/{namespace}/download/{file}` asked for `team/model/weights.bin` reads
 * `https://files.example/team/model/download/weights.bin`.
 */
export class TemplateOrigin implements OriginAdapter {
  readonly name: string;
  readonly #template: string;
  readonly #reader: ObjectReader;

  /** Throws `ORIGIN_UNKNOWN` for a template that is no http or https URL, or has no or unknown placeholders, or one in its host. */
  constructor(options: TemplateOriginOptions) {
    this.name = options.name;
    this.#template = checkedTemplate(options.template);
    this.#reader = new ObjectReader(options);
  }

  async open(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    offset: number,
    signal: AbortSignal,
  ): Promise<OriginObject> {
    return this.#reader.open(this.#request(repository, digest, kind, signal), offset);
  }

  async head(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | undefined; readonly mediaType: string | undefined }> {
    return this.#reader.head(this.#request(repository, digest, kind, signal));
  }

  #request(repository: string, digest: Digest, kind: ObjectKind, signal: AbortSignal): ObjectRequest {
    const url = new URL(fillTemplate(this.#template, repository, digest));
    return {
      subject: { registry: this.name, repository, digest, kind },
      places: [{ url, accept: '*/*' }],
      scope: `repository:${repository}:pull`,
      signal,
    };
  }
}

/** The URL of a file. Every segment of the name is escaped, so that it stays one segment. */
export function fillTemplate(template: string, repository: string, digest: Digest): string {
  const slash = repository.lastIndexOf('/');
  const values: Readonly<Record<string, string>> = {
    repository: escapeSegments(repository),
    namespace: escapeSegments(slash === -1 ? '' : repository.slice(0, slash)),
    file: escapeSegments(repository.slice(slash + 1)),
    hex: digest.slice('sha256:'.length),
  };
  return template.replaceAll(PLACEHOLDER, (_all, name: string) => values[name] ?? '');
}

function escapeSegments(text: string): string {
  return text.split('/').map(encodeURIComponent).join('/');
}

function checkedTemplate(template: string): string {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '');
  if (names.length === 0) throw invalid('has no placeholder');
  const unknown = names.find((name) => !NAMES.has(name));
  if (unknown !== undefined) throw invalid(`has an unknown placeholder {${unknown}}`);
  const url = URL.parse(template.replaceAll(PLACEHOLDER, SAMPLE));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid('is no http or https URL');
  }
  if (url.username !== '' || url.password !== '') throw invalid('has credentials in it');
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(template)?.[1] ?? '';
  if (authority === '' || authority.includes('{')) throw invalid('has a placeholder in its host');
  return template;
}

function invalid(what: string): Error {
  return coordinationErrors.create('ORIGIN_UNKNOWN', `a URL template of an origin ${what}`);
}
