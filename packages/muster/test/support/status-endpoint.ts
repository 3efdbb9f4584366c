import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A stand-in for the status endpoint of a node: answers by address. */
export class StatusEndpoint implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #answers: Readonly<Record<string, object | ((response: ServerResponse) => void)>>;
  readonly asked: string[] = [];

  private constructor(answers: Readonly<Record<string, object | ((response: ServerResponse) => void)>>) {
    this.#answers = answers;
  }

  static async start(
    answers: Readonly<Record<string, object | ((response: ServerResponse) => void)>>,
  ): Promise<StatusEndpoint> {
    const endpoint = new StatusEndpoint(answers);
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    this.asked.push(url);
    const answer = this.#answers[url] ?? this.#answers[url.split('?')[0] as string];
    if (typeof answer === 'function') answer(response);
    else if (answer === undefined)
      response.writeHead(404).end('{"error":"nothing there","code":"not_found"}');
    else response.end(JSON.stringify(answer));
  }
}
