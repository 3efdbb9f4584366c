/** What has become of the entries that changed, and are not noted any more from then on: those that are there still, and those that are gone. */
export function drained<V>(
  dirty: Set<string>,
  entries: ReadonlyMap<string, { readonly view: V }>,
): { readonly changed: readonly V[]; readonly removed: readonly string[] } {
  const changed: V[] = [];
  const removed: string[] = [];
  for (const id of dirty) {
    const entry = entries.get(id);
    if (entry === undefined) removed.push(id);
    else changed.push(entry.view);
  }
  dirty.clear();
  return { changed, removed };
}
