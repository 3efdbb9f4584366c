import { OncePerInterval } from '@muster/core';

const INTERVAL_MS = 10_000;
const MAX_NODES = 4096;

/**
 * Decides which differences of rank are logged: one per node and ten seconds (coordination spec 7.4). Every difference is
 * counted; a node with another view would otherwise fill the log with one line per digest.
 */
export class MismatchLimiter extends OncePerInterval {
  constructor() {
    super(INTERVAL_MS, MAX_NODES);
  }
}
