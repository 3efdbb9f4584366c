import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';

/** The machine in one line: processors, memory, system, runtime. */
export function describeMachine(): string {
  const model = (cpus()[0]?.model ?? 'unknown processor').replaceAll(/\s+/g, ' ').trim();
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} x ${model}, ${memoryGiB} GiB, ${platform()} ${release()} ${arch()}, Node ${process.versions.node}`;
}
