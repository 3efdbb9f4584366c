/** The mirror of a simulated agent: what its HTTP handler does with a GET or a HEAD by digest, without HTTP. */

import type { Digest, FetchSession } from '@muster/coordination';
import { errorCode } from '@muster/core';
import type { SimObject } from './images.ts';
import type { SimAgent } from './sim-agent.ts';
import type { Tampering } from './tampering.ts';

/** The whole body, as a client gets it. Rejects as the session does; then the client has an error or a cut body. */
export async function mirrorGet(
  agent: SimAgent,
  { digest, kind, registry, repository }: SimObject,
  tampering: Tampering,
): Promise<Uint8Array> {
  const body = (await stored(agent, digest)) ?? (await fetched());
  return tampering.delivered?.(body) ?? body;

  async function fetched(): Promise<Uint8Array> {
    const session = agent.sessions.fetch({ digest, kind, registry, repository });
    session.join();
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of session.read()) chunks.push(chunk);
      return Buffer.concat(chunks);
    } finally {
      session.leave();
      if (kind === 'manifest') offerWhenDone(agent, session, repository);
    }
  }
}

/** The size. */
export async function mirrorHead(
  agent: SimAgent,
  { digest, kind, registry, repository }: SimObject,
  signal: AbortSignal,
): Promise<number> {
  const present = await agent.store.size(digest).catch(() => undefined);
  if (present !== undefined) return present;
  if (kind !== 'manifest')
    return (await agent.heads.find({ digest, kind, registry, repository, signal })).size;
  const session = agent.sessions.fetch({ digest, kind, registry, repository });
  session.join();
  try {
    await session.done;
    return await session.whenSize();
  } finally {
    session.leave();
    offerWhenDone(agent, session, repository);
  }
}

async function stored(agent: SimAgent, digest: Digest): Promise<Uint8Array | undefined> {
  try {
    if (!(await agent.store.has(digest))) return undefined;
    const { body } = await agent.store.open(digest);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function offerWhenDone(agent: SimAgent, session: FetchSession, repository: string): void {
  session.done.then(
    () => agent.manifestServed(session.request.digest, repository),
    () => {},
  );
}
