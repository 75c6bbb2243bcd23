import { natsWorld } from "../infra/nats/NatsWorld.ts"
import { eventLogLaws } from "../../src/testing/laws/EventLogLaws.ts"
import { sharedLaws } from "../../src/testing/laws/SharedLaws.ts"
import { streamViewLaws } from "../../src/testing/laws/StreamViewLaws.ts"
import { suiteOf } from "./LawSuite.ts"

suiteOf(eventLogLaws)("the event log in NATS", natsWorld)
suiteOf(sharedLaws)("shared consumers in NATS", natsWorld)
suiteOf(streamViewLaws)("the view of a stream in NATS", natsWorld)
