/**
 * The control address of a fleet: HTTP on the loopback, for the demos and for joining. Everything but joining needs the token in
 * the file `control-token`; a join has its ticket.
 *
 * Bounds: connections, readers of events, header and body time, body size. A reader of events that does not keep up is cut off.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { answerError, answerJson, hasBearer, isLoopbackRequest, readJson } from '../fleet/bearer.ts';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { readJoinRequest } from '../fleet/join-protocol.ts';
import type { FleetControl } from './fleet-control.ts';
import { readGroups, readNewMember } from './control-requests.ts';

const MAX_CONNECTIONS = 128;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Readers of events at one time. */
export const MAX_EVENT_READERS = 32;
/** Bytes that may wait for a reader of events. */
const MAX_UNREAD_BYTES = 64 * 1024;

export interface ControlServerOptions {
  readonly control: FleetControl;
  readonly token: string;
  /** 0 = any free one. */
  readonly port: number;
}

/** Answers on the loopback. */
export class ControlServer {
  readonly #control: FleetControl;
  readonly #token: string;
  readonly #server: Server;
  #readers = 0;

  private constructor({ control, token }: ControlServerOptions) {
    this.#control = control;
    this.#token = token;
    const options = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
    this.#server = createServer(options, (request, response) => {
      void this.#answer(request, response).catch((error: unknown) => answerError(response, error));
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens. Rejects errors of listening. */
  static async start(options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(options);
    server.#server.listen(options.port, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isLoopbackRequest(request, this.port)) {
      throw fleetErrors.create('CONTROL_REQUEST', 'the Host header does not name this machine');
    }
    const route = `${request.method} ${request.url}`;
    if (route === 'POST /join') return await this.#join(request, response);
    if (!hasBearer(request.headers.authorization, this.#token)) {
      response.setHeader('www-authenticate', 'Bearer');
      throw fleetErrors.create('CONTROL_UNAUTHORIZED', 'the token is missing or wrong');
    }
    const control = this.#control;
    switch (route) {
      case 'GET /fleet':
        return answerJson(response, 200, control.fleet());
      case 'GET /events':
        return this.#events(response);
      case 'POST /members':
        return answerJson(response, 201, await control.add(readNewMember(await readJson(request))));
      case 'POST /cut':
        control.cut(readGroups(await readJson(request)));
        return answerJson(response, 200, { cut: true });
      case 'DELETE /cut':
        control.heal();
        return answerJson(response, 200, { cut: false });
      case 'POST /tickets':
        return answerJson(response, 201, control.issueTicket());
      default:
        return await this.#member(request, response);
    }
  }

  async #member(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const [, name = '', action] = /^\/members\/([\w-]{1,63})(?:\/(\w+))?$/.exec(url) ?? [];
    const control = this.#control;
    const acts: Readonly<Record<string, (() => Promise<object>) | undefined>> = {
      'DELETE ': () => control.remove(name),
      'POST kill': () => control.kill(name),
      'POST restart': () => control.restart(name),
      'POST pause': () => control.pause(name),
      'POST resume': () => control.resume(name),
    };
    const act = name === '' ? undefined : acts[`${method} ${action ?? ''}`];
    if (act === undefined) {
      throw fleetErrors.create(
        'CONTROL_REQUEST',
        `${method} ${url.slice(0, 200)} is nothing that can be asked for`,
      );
    }
    answerJson(response, 200, await act());
  }

  async #join(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const proven = readJoinRequest(await readJson(request));
    if (proven === undefined) {
      throw fleetErrors.create('CONTROL_REQUEST', 'the join is incomplete, or not signed by its key');
    }
    answerJson(response, 200, await this.#control.join(proven));
  }

  #events(response: ServerResponse): void {
    if (this.#readers >= MAX_EVENT_READERS) {
      throw fleetErrors.create('FLEET_FULL', `there are ${MAX_EVENT_READERS} readers of events already`);
    }
    this.#readers += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': members of the fleet\n\n');
    const end = this.#control.onMember((event) => {
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
      else response.write(`event: member\ndata: ${JSON.stringify(event)}\n\n`);
    });
    response.once('close', () => {
      this.#readers -= 1;
      end();
    });
  }
}
