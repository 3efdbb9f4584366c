/**
 * Members of a fleet whose supervisor was killed end by themselves when their channel closes, unless they were paused: those hear
 * of nothing. They are let go on, and what is still there after a while is killed. Only processes that are ours are touched: their
 * command line names a path in the folder of this fleet.
 */
import { readFile } from 'node:fs/promises';
import type { Timers } from '@muster/core';
import { isProcess, readFleetFileIfThere } from '../fleet/fleet-files.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';

/** How long a leftover may take to end. */
const END_TIMEOUT_MS = 10_000;
const POLL_MS = 100;

/** Ends what an earlier fleet has left. Call it with the folder locked. Resolves with how many there were. */
export async function endLeftovers(folder: string, timers: Timers): Promise<number> {
  const before = await lastFleet(folder);
  const pids: number[] = [];
  for (const { pid } of before?.members ?? []) {
    if (pid !== undefined && (await isOurs(pid, folder))) pids.push(pid);
  }
  for (const pid of pids) signal(pid, 'SIGCONT');
  for (let waitedMs = 0; waitedMs < END_TIMEOUT_MS && pids.some(isProcess); waitedMs += POLL_MS) {
    await timers.sleep(POLL_MS);
  }
  for (const pid of pids) if (await isOurs(pid, folder)) signal(pid, 'SIGKILL');
  return pids.length;
}

/** A file that cannot be read names nobody, and is written anew. */
async function lastFleet(folder: string): Promise<FleetFile | undefined> {
  try {
    return await readFleetFileIfThere(folder);
  } catch {
    return undefined;
  }
}

/** Whether a process runs our program on this folder. Where that cannot be told, it is left alone. */
async function isOurs(pid: number, folder: string): Promise<boolean> {
  if (!isProcess(pid)) return false;
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return (
      words.some((word) => word.endsWith('muster.mjs')) && words.some((word) => word.includes(`${folder}/`))
    );
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
