import { Socket } from 'node:net';
import { jsonFrame } from './registrations.ts';

const RECEIVE_BYTES = 1024 * 1024;
const LENGTH_BYTES = 4;

export interface ListPlan {
  readonly port: number;
  readonly clients: number;
  readonly durationMs: number;
  readonly request: Readonly<Record<string, unknown>>;
  /** A reply must be at least this long. */
  readonly minReplyBytes: number;
}

export interface ListRun {
  readonly replies: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly firstByteMs: readonly number[];
}

/** Clients that ask for a list again as soon as they have it. Of the reply the length is read, and the rest let go. */
export async function runLists(plan: ListPlan): Promise<ListRun> {
  const frame = jsonFrame(plan.request);
  const shared = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  const totals = { replies: 0, bytes: 0, firstByteMs: [] as number[] };
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + plan.durationMs;
  await Promise.all(Array.from({ length: plan.clients }, () => askUntil(endAt, plan, frame, shared, totals)));
  const used = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedAt) / 1000;
  return { ...totals, seconds, cpuSeconds: (used.user + used.system) / 1e6 };
}

function askUntil(
  endAt: number,
  plan: ListPlan,
  frame: Buffer,
  shared: Buffer,
  totals: { replies: number; bytes: number; firstByteMs: number[] },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let remaining = 0;
    const ask = (): void => {
      sentAt = performance.now();
      remaining = 0;
      socket.write(frame);
    };
    const receive = (bytes: number): boolean => {
      if (remaining === 0) {
        const length = bytes < LENGTH_BYTES ? 0 : shared.readUInt32BE(0);
        if (length < plan.minReplyBytes) {
          reject(new Error(`short list: ${shared.toString('latin1', 0, Math.min(bytes, 200))}`));
          return false;
        }
        totals.firstByteMs.push(performance.now() - sentAt);
        remaining = LENGTH_BYTES + length;
      }
      remaining -= bytes;
      totals.bytes += bytes;
      if (remaining > 0) return true;
      totals.replies++;
      if (performance.now() < endAt) ask();
      else socket.destroy();
      return true;
    };
    const socket = new Socket({
      onread: { buffer: shared, callback: receive },
    } as ConstructorParameters<typeof Socket>[0]);
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.connect(plan.port, '127.0.0.1', ask);
  });
}
