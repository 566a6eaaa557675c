"""How bytes travel: the bus, NATS, subjects, frames and the embedded server."""
