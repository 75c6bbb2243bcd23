/**
 * For tests of your own program.
 *
 * `HandlerTest`: what a handler does with an event, after some others. `TestPipeline`: a whole pipeline in memory.
 * `Simulation`: your handlers in thousands of random histories of crashes, frozen processes, lost answers and
 * interleavings, on a clock that only the test moves; a seed repeats a history. `checkCorpus`: whether today's Schemas read
 * the events of the past.
 */
export { checkCorpus, type CorpusCount, type CorpusFault, type CorpusReport } from "../pipeline/Corpus.ts"
export * as HandlerTest from "./HandlerTest.ts"
export * as Simulation from "./Simulation.ts"
export * as TestPipeline from "./TestPipeline.ts"
export type { Effects, EffectOf, Made, Written } from "./Book.ts"
export { type Ending, type FaultPlan, faultPlanDefault } from "./FaultPlan.ts"
export type { Counts, History } from "./History.ts"
export { PromiseBroken } from "./PromiseBroken.ts"
export { makeRandom, type Random, type Some } from "./Random.ts"
export { runSeeded } from "./SeededScheduler.ts"
export type { AttemptOutcome, Spied } from "./Spies.ts"
