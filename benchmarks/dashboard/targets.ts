import { Targets } from '../harness/targets.ts';

export const TARGETS = new Targets([
  { id: 'rest.frames', atLeast: 59 },
  { id: 'changes.frames', atLeast: 59 },
  { id: 'changes.frames.ratio', atLeast: 0.98 },
  { id: 'changes.frame.p99', below: 34 },
  { id: 'scroll.frames', atLeast: 59 },
  { id: 'changes.elements', atMost: 2_000 },
]);
