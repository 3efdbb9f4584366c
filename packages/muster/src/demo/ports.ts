import { createServer, type Server } from 'node:net';

/**
 * Ports of the loopback for `count` members: those from `first` on, or free ones that the system gives when it is 0. All
 * are let go again, so that another program may take one before its member does; the start then says so.
 */
export async function choosePorts(first: number, count: number): Promise<readonly number[]> {
  if (first !== 0) return Array.from({ length: count }, (_, index) => first + index);
  const servers: Server[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
    }
    return servers.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  } finally {
    await Promise.all(
      servers.map(async (server) => await new Promise<void>((resolve) => void server.close(() => resolve()))),
    );
  }
}
