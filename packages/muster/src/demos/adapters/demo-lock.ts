/** One demo at a time with one fleet: two would spoil each other's figures. The lock ends with the process, however that ends. */
import { type FileLock, lockFile } from '@muster/core/file-lock';
import { fleetErrors } from '../../fleet/fleet-errors.ts';

/** Takes the lock. Rejects DEMO_RUNNING; errors of the system. */
export async function takeDemoLock(path: string): Promise<FileLock> {
  const lock = await lockFile(path, { mode: 0o600 });
  if (lock !== undefined) return lock;
  throw fleetErrors.create('DEMO_RUNNING', 'another demo runs with this fleet');
}
