/** Which process listens on a port, as far as this user may know: Linux tells it in /proc; elsewhere nobody is known. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Processes that are looked at, at most. */
const MAX_PROCESSES = 10_000;
const LISTENING = '0A';

/** A process, and its command line as far as it is readable. */
export interface PortOwner {
  readonly pid: number;
  readonly command: string;
}

/** The processes that listen on TCP ports, by port. Ports of others' processes are missing. Never rejects. */
export async function portOwners(ports: ReadonlySet<number>): Promise<ReadonlyMap<number, PortOwner>> {
  const owners = new Map<number, PortOwner>();
  const portBySocket = new Map<string, number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const [inode, port] of listeningSockets(await readOr(file))) {
      if (ports.has(port)) portBySocket.set(`socket:[${inode}]`, port);
    }
  }
  if (portBySocket.size === 0) return owners;
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes.slice(0, MAX_PROCESSES)) {
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const port = portBySocket.get(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''));
      if (port === undefined) continue;
      owners.set(port, { pid: Number(pid), command: await commandOf(Number(pid)) });
    }
  }
  return owners;
}

/** The command line of a process; empty when this user may not know it. Never rejects. */
export async function commandOf(pid: number): Promise<string> {
  return (await readOr(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
}

/** Inode and port of each listening socket in the text of /proc/net/tcp. */
export function listeningSockets(text: string): readonly (readonly [inode: string, port: number])[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    const inode = fields[9];
    return fields[3] === LISTENING && inode !== undefined && port > 0 ? [[inode, port] as const] : [];
  });
}

async function readOr(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
