/** The headers that agents use among themselves (coordination spec 14.5), in the lower case of node:http. */
export const MIRRORED = 'gantry-mirrored';
export const NODE = 'gantry-node';
export const ACCEPT_PARTIAL = 'gantry-accept-partial';
export const TOKEN = 'gantry-token';
export const PARTIAL = 'gantry-partial';
export const ALTERNATES = 'gantry-alternates';

/** Nodes that a 429 names at most (14.3). */
export const MAX_ALTERNATES = 8;

const ADDRESS = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?):([0-9]{1,5})$/;

/** True for `host:port`, with IPv6 in brackets. */
export function isTransferAddress(text: string): boolean {
  const port = Number(ADDRESS.exec(text)?.[1] ?? 0);
  return port > 0 && port <= 65_535;
}

/** Reads `Gantry-Alternates`; what is no address is left out. */
export function parseAlternates(text: string | undefined): readonly string[] {
  if (text === undefined || text.length > 4096) return [];
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(isTransferAddress)
    .slice(0, MAX_ALTERNATES);
}
