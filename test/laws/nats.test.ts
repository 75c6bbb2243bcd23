import { natsWorld } from "../infra/nats/NatsWorld.ts"
import { eventLogLaws } from "./EventLogLaws.ts"
import { sharedLaws } from "./SharedLaws.ts"

eventLogLaws("the event log in NATS", natsWorld)
sharedLaws("shared consumers in NATS", natsWorld)
