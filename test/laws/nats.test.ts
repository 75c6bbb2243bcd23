import { natsWorld } from "../infra/nats/NatsWorld.ts"
import { eventLogLaws } from "./EventLogLaws.ts"

eventLogLaws("the event log in NATS", natsWorld)
