/**
 * Runs tasks, so many at a time, in order. The first that fails keeps later ones from being begun; its error is thrown when those
 * beside it have come to their end.
 */
export async function fewAtATime(limit: number, tasks: readonly (() => Promise<unknown>)[]): Promise<void> {
  const waiting = [...tasks];
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = waiting.shift();
      if (next === undefined) return;
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  if (failures.length > 0) throw failures[0];
}
