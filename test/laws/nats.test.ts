import { natsWorld } from "../infra/nats/NatsWorld.ts"
import { eventLogLaws } from "./EventLogLaws.ts"
import { sharedLaws } from "./SharedLaws.ts"
import { streamViewLaws } from "./StreamViewLaws.ts"

eventLogLaws("the event log in NATS", natsWorld)
sharedLaws("shared consumers in NATS", natsWorld)
streamViewLaws("the view of a stream in NATS", natsWorld)
