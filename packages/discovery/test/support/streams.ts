import type { MemoryStream } from './memory-overlay.ts';
import type { Member, TestFleet } from './members.ts';

const DEADLINE = { timeoutMs: 600_000 };

/** Opens a stream from one member to another. */
export async function openTo(
  fleet: TestFleet,
  from: Member,
  to: Member,
  protocol: string,
): Promise<MemoryStream> {
  return (await from.overlay.open(fleet.addrInfo(to), protocol, DEADLINE)) as MemoryStream;
}

/** One request over a stream of its own, and all frames that come back until it ends. A reset ends them too. */
export async function exchangeWith(
  fleet: TestFleet,
  from: Member,
  to: Member,
  protocol: string,
  request: object,
): Promise<unknown[]> {
  const stream = await openTo(fleet, from, to, protocol);
  await stream.write(request, DEADLINE);
  await stream.closeWrite();
  return await framesOf(stream);
}

/** What comes until the stream ends. */
export async function framesOf(stream: MemoryStream): Promise<unknown[]> {
  const frames: unknown[] = [];
  try {
    for (;;) {
      const frame = await stream.read({ ...DEADLINE, maxBytes: Infinity });
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  } catch {
    return frames;
  }
}
