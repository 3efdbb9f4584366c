/** Liars for demonstrations, tests and simulations. Nothing that runs in earnest loads this. */
export {
  allOf,
  boast,
  denial,
  falseWitness,
  inventedPeers,
  manyBirths,
  nepotism,
  noDht,
  noSearch,
  onceBelieved,
  onlyWhile,
  replayedRecords,
  silence,
  stolenName,
  twoFaces,
} from './lies.ts';
export { TamperedOverlay } from './tampered-overlay.ts';
export type { OutgoingFrame, Tamper } from './tampered-overlay.ts';
