import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';

const CLOCK_TICKS_PER_SECOND = 100;
/** Shorter watches would show little but the clock's ticks. */
const MIN_WATCH_MS = 1000;

/** The machine in one line: processors, memory, system, runtime. */
export function describeMachine(): string {
  const model = (cpus()[0]?.model ?? 'unknown processor').replaceAll(/\s+/g, ' ').trim();
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} x ${model}, ${memoryGiB} GiB, ${platform()} ${release()} ${arch()}, Node ${process.versions.node}`;
}

/** Watches how much of the machine others use meanwhile. */
export class OtherWork {
  readonly #startedAt = performance.now();
  readonly #before = readSeconds();

  /** Cores that other processes used on average since the start; undefined where the system does not say. */
  cores(): number | undefined {
    const now = readSeconds();
    if (now === undefined || this.#before === undefined) return undefined;
    const elapsedMs = performance.now() - this.#startedAt;
    if (elapsedMs < MIN_WATCH_MS) return undefined;
    const busy = now.machine - this.#before.machine - (now.own - this.#before.own);
    return Math.max(0, (busy * 1000) / elapsedMs);
  }
}

/** Processor seconds of the whole machine, and of this process and its children that have ended (Linux). */
function readSeconds(): { readonly machine: number; readonly own: number } | undefined {
  try {
    const [user, nice, system, , , interrupts, soft] = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)
      .flatMap((line) => line.split(/\s+/).slice(1).map(Number)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    const own = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
    const machine = user + nice + system + interrupts + soft;
    return { machine: machine / CLOCK_TICKS_PER_SECOND, own: own / CLOCK_TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}
