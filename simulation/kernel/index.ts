export type { EventOwner, ScheduledEvent } from './event-queue.ts';
export { Hash64, hash32 } from './hash.ts';
export { SimProcess } from './process.ts';
export type { ProcessOptions } from './process.ts';
export { SimRandom } from './random.ts';
export { Simulation } from './simulation.ts';
export type { SimulationOptions, StepHook } from './simulation.ts';
export { Trace } from './trace.ts';
export type { TracePart } from './trace.ts';
