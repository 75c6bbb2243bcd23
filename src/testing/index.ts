/**
 * Play your own handlers through thousands of random histories of crashes, frozen processes, lost answers and
 * interleavings, on the memory adapters and a clock that only the test moves; a seed repeats a history.
 */
export * as Simulation from "./Simulation.ts"
export type { Effects, EffectOf, Made, Written } from "./Book.ts"
export { type Ending, type FaultPlan, faultPlanDefault } from "./FaultPlan.ts"
export type { Counts, History } from "./History.ts"
export { PromiseBroken } from "./PromiseBroken.ts"
export { makeRandom, type Random, type Some } from "./Random.ts"
export { runSeeded } from "./SeededScheduler.ts"
