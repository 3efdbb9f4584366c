/** Real servers of Debian as yardsticks and origins: docker-registry and nginx. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs } from './children.ts';

const START_TRIES = 100;
const TRY_MS = 100;

/** `user` / `secret`: what {@link startRegistry} takes with `hasPassword`. */
export const REGISTRY_USER = 'user';
export const REGISTRY_PASSWORD = 'secret';
/** bcrypt of the password. */
const PASSWORD_HASH = '$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';

/** Whether the program is installed. */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A server that was started, and its end. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    this.#ended = child.exitCode === null ? once(child, 'close') : Promise.resolve();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The first child that it has started, if any: that is who works in nginx. */
  workerPid(): number {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
    return Number(children.split(' ', 1)[0]) || this.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGTERM');
    await Promise.race([this.#ended, sleep(3_000, undefined, { ref: false })]);
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Ports on the loopback that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => (server.listening ? undefined : once(server, 'listening'))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Debian's docker-registry with its data in `folder`. */
export async function startRegistry(
  folder: string,
  options: { readonly hasPassword?: boolean } = {},
): Promise<ServerProcess> {
  await mkdir(join(folder, 'data'), { recursive: true });
  const [port = 0] = await freePorts(1);
  const passwords = join(folder, 'htpasswd');
  await writeFile(passwords, `${REGISTRY_USER}:${PASSWORD_HASH}\n`);
  const auth = options.hasPassword === true ? `auth: {htpasswd: {realm: lab, path: ${passwords}}}` : '';
  const config = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${join(folder, 'data')}}, delete: {enabled: false}}`,
    `http: {addr: '127.0.0.1:${port}', secret: laboratory}`,
    auth,
  ];
  const path = join(folder, 'registry.yml');
  await writeFile(path, `${config.join('\n')}\n`);
  return await started('docker-registry', ['serve', path], `http://127.0.0.1:${port}`);
}

/** nginx that serves the files of `root`, with the settings that it comes with where they matter: sendfile, keep-alive. */
export async function startNginx(folder: string, root: string): Promise<ServerProcess> {
  await mkdir(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const config = `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')};
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`;
  const path = join(folder, 'nginx.conf');
  await writeFile(path, config);
  return await started(
    'nginx',
    ['-c', path, '-p', folder, '-e', join(folder, 'error.log')],
    `http://127.0.0.1:${port}`,
  );
}

/** Waits until it answers, whatever it answers. */
async function started(command: string, args: readonly string[], url: string): Promise<ServerProcess> {
  const child = endWithUs(spawn(command, args, { stdio: 'ignore' }));
  await once(child, 'spawn');
  const server = new ServerProcess(child, url);
  for (let attempt = 0; attempt < START_TRIES && !server.hasEnded; attempt++) {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) return server;
    await sleep(TRY_MS);
  }
  await server[Symbol.asyncDispose]();
  throw new Error(`${command} did not start`);
}
