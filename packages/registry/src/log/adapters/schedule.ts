/** Calls back once this turn of the loop has handled its I/O: what it appends shares one write and one sync. */
export function afterTurn(callback: () => void): void {
  setImmediate(callback);
}
