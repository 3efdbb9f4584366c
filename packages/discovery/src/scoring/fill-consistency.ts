/** Largest difference of a declared fill rate from the one that the declared counts give. */
const TOLERANCE = 0.1;

/**
 * Whether an indexer's own figures agree with one another (11.5.5); undefined when it declares no capacity. That two
 * self-reported numbers agree proves little (DEF-49): witnesses and spot checks compare them with what others see.
 */
export function isFillConsistent(figures: {
  readonly fillRate: number;
  readonly peerCount: number;
  readonly maxNodes: number;
}): boolean | undefined {
  if (figures.maxNodes <= 0) return undefined;
  return Math.abs(figures.peerCount / figures.maxNodes - figures.fillRate) < TOLERANCE;
}
