/** Waiting for what comes soon, without fixed sleeps: the laws' own. */
export { eventually } from "../../../src/testing/laws/LawWorld.ts"
