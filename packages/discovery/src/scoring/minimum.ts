const AT_BIRTH = 20;
const RISE_A_DAY = 60;
const HIGHEST = 80;

/** The score below which an indexer, or a node, of this age is not kept (13.4): 20 at birth, 80 from the first day on. */
export function dynamicMinScore(ageMs: number, hourMs: number): number {
  return Math.min(HIGHEST, AT_BIRTH + (RISE_A_DAY * Math.max(0, ageMs)) / (24 * hourMs));
}
