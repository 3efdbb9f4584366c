/**
 * How often a member of a fleet on this machine looks who belongs. Strangers at the door are looked for at once; so long takes what
 * nobody knocks for, such as an indexer that is to be taken up.
 */
export const MEMBER_REFRESH = '2s';
