import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();
let isWatched = false;

/** Ends the child with this process, however that ends, short of SIGKILL: nothing must run on behind a measurement. */
export function endWithUs<C extends ChildProcess>(child: C): C {
  if (!isWatched) {
    isWatched = true;
    process.on('exit', () => {
      for (const one of living) one.kill('SIGKILL');
    });
  }
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}
