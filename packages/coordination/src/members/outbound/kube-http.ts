/**
 * The API server over HTTPS, with the service account of the pod or what a kubeconfig names.
 *
 * Fault model: the server may be slow, silent or gone; every request has a bound, lines of a watch and whole answers have a size.
 * The token is read anew for each request, because it is replaced on disk; it appears in no error.
 */

import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { coordinationErrors } from '../../errors.ts';
import type { KubeApi, KubeEvent, KubeList, KubeResource } from '../kubernetes/kube-api.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const REQUEST_MS = 10_000;
const WATCH_SECONDS = 240;
/** A watch with bookmarks says something at least every minute or so. */
const WATCH_IDLE_MS = 300_000;
const MAX_BODY_BYTES = 256 * 1_048_576;
const MAX_LINE_BYTES = 8 * 1_048_576;

export interface KubeEndpoint {
  readonly url: URL;
  readonly ca?: string | Buffer;
  readonly token: () => Promise<string | undefined>;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

/** The server of the pod's own cluster. Rejects MEMBERS_INVALID outside of one. */
export async function serviceAccountEndpoint(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<KubeEndpoint> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (host === undefined || host === '') {
    throw coordinationErrors.create(
      'MEMBERS_INVALID',
      'KUBERNETES_SERVICE_HOST is not set: this is no pod, so there is no service account',
    );
  }
  const ca = await readFile(`${SERVICE_ACCOUNT}/ca.crt`);
  const token = async (): Promise<string> => (await readFile(`${SERVICE_ACCOUNT}/token`, 'utf8')).trim();
  return { url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`), ca, token };
}

export class KubeHttp implements KubeApi {
  readonly #endpoint: KubeEndpoint;
  readonly #agent: Agent;

  constructor(endpoint: KubeEndpoint) {
    this.#endpoint = endpoint;
    const { ca, cert, key } = endpoint;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 8,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  }

  async list(resource: KubeResource, signal: AbortSignal): Promise<KubeList> {
    const url = this.#url(resource, {});
    const body = await this.#send('GET', url, undefined, signal, async (response) =>
      textOf(response, MAX_BODY_BYTES),
    );
    const list = JSON.parse(body) as {
      readonly items?: unknown;
      readonly metadata?: { readonly resourceVersion?: unknown };
    };
    return {
      items: Array.isArray(list.items) ? list.items : [],
      resourceVersion: String(list.metadata?.resourceVersion ?? ''),
    };
  }

  async *watch(
    resource: KubeResource,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<KubeEvent> {
    const url = this.#url(resource, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(WATCH_SECONDS),
      resourceVersion,
    });
    const response = await this.#send('GET', url, undefined, signal, (reply) => Promise.resolve(reply));
    response.setTimeout(WATCH_IDLE_MS, () => response.destroy(new Error('the watch is silent')));
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES) throw new Error('an event of the watch is too long');
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as KubeEvent;
    }
  }

  async annotatePod(
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
    const body = JSON.stringify({ metadata: { annotations } });
    await this.#send('PATCH', new URL(path, this.#endpoint.url), body, signal, (response) =>
      textOf(response, MAX_BODY_BYTES),
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  #url(resource: KubeResource, query: Readonly<Record<string, string>>): URL {
    const path =
      resource.kind === 'pods'
        ? `/api/v1/namespaces/${encodeURIComponent(resource.namespace)}/pods`
        : '/api/v1/nodes';
    const url = new URL(path, this.#endpoint.url);
    if (resource.kind === 'pods') url.searchParams.set('labelSelector', resource.labelSelector);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  }

  async #send<T>(
    method: string,
    url: URL,
    body: string | undefined,
    signal: AbortSignal,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const token = await this.#endpoint.token();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isPlain = url.protocol === 'http:';
    const request = (isPlain ? httpRequest : httpsRequest)(
      url,
      {
        method,
        signal,
        ...(isPlain ? {} : { agent: this.#agent }),
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/merge-patch+json' }),
        },
      },
      resolve,
    );
    request.setTimeout(REQUEST_MS, () => request.destroy(new Error('the API server does not answer')));
    request.once('error', reject);
    request.end(body);
    const response = await promise;
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299) {
      response.destroy();
      const details = { method, path: url.pathname, status: statusCode };
      throw coordinationErrors.create('MEMBERS_INVALID', `the API server answers ${statusCode}`, { details });
    }
    return read(response);
  }
}

async function textOf(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw new Error('the answer of the API server is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
