/** What a registry was asked for, as the reports of coordination count it (coordination spec 25.1, 25.2). */

export type RequestClass = 'ping' | 'manifest_by_tag' | 'manifest_by_digest' | 'blob' | 'token' | 'other';

/** Requests and body bytes for one digest. */
export interface DigestCounts {
  get: number;
  head: number;
  /** Of answers to GET. */
  bytes: number;
}

export interface CountersSummary {
  readonly requests: number;
  /** Response body bytes of GETs, without those of token services. */
  readonly bytes: number;
  readonly classes: Readonly<Record<RequestClass, number>>;
  readonly clients: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly digests: Readonly<Record<string, Readonly<DigestCounts>>>;
}

/** One request while it is answered. */
export interface CountedRequest {
  readonly requestClass: RequestClass;
  /** The digest asked for, or `''`. */
  readonly digest: string;
  answered(status: number): void;
  sent(bytes: number): void;
}

const CONTENT = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/;

/** What a path of the distribution API asks for. */
export function classify(pathname: string): { readonly requestClass: RequestClass; readonly digest: string } {
  if (pathname === '/v2/' || pathname === '/v2') return { requestClass: 'ping', digest: '' };
  if (pathname === '/token') return { requestClass: 'token', digest: '' };
  const [, , family, reference = ''] = CONTENT.exec(pathname) ?? [];
  if (family === undefined) return { requestClass: 'other', digest: '' };
  const digest = reference.startsWith('sha256:') ? reference : '';
  if (family === 'blobs') return { requestClass: 'blob', digest };
  return { requestClass: digest === '' ? 'manifest_by_tag' : 'manifest_by_digest', digest };
}

export class Counters {
  readonly digests = new Map<string, DigestCounts>();
  #classes = noRequests();
  #clients: Record<string, number> = {};
  #statuses: Record<string, number> = {};
  #requests = 0;
  #bytes = 0;

  begin(method: string, pathname: string, userAgent: string | undefined): CountedRequest {
    const { requestClass, digest } = classify(pathname);
    const isContent = requestClass !== 'token';
    this.#requests += 1;
    this.#classes[requestClass] += 1;
    // `muster/0.1.0 (…)` and `muster/0.2.0` are one kind of client.
    const client = (userAgent ?? 'none').split(/[/ ]/, 1)[0] as string;
    this.#clients[client] = (this.#clients[client] ?? 0) + 1;
    return {
      requestClass,
      digest,
      answered: (status) => void (this.#statuses[status] = (this.#statuses[status] ?? 0) + 1),
      sent: (bytes) => {
        if (method !== 'GET' || !isContent) return;
        this.#bytes += bytes;
        if (digest !== '') this.countsOf(digest).bytes += bytes;
      },
    };
  }

  countsOf(digest: string): DigestCounts {
    let counts = this.digests.get(digest);
    if (counts === undefined) this.digests.set(digest, (counts = { get: 0, head: 0, bytes: 0 }));
    return counts;
  }

  summary(): CountersSummary {
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      classes: { ...this.#classes },
      clients: { ...this.#clients },
      statuses: { ...this.#statuses },
      digests: Object.fromEntries([...this.digests].map(([digest, counts]) => [digest, { ...counts }])),
    };
  }

  reset(): void {
    this.digests.clear();
    this.#classes = noRequests();
    this.#clients = {};
    this.#statuses = {};
    this.#requests = 0;
    this.#bytes = 0;
  }
}

function noRequests(): Record<RequestClass, number> {
  return { ping: 0, manifest_by_tag: 0, manifest_by_digest: 0, blob: 0, token: 0, other: 0 };
}
