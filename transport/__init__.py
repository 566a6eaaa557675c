"""How bytes travel: the bus, NATS, subjects, frames and the embedded server.

`bus` (what every bus does, and its errors), `memory.MemoryBus`, `nats_bus.NatsBus`, `server.EmbeddedServer`,
`credentials`, `subjects`, `frames`. Nothing is imported here: whoever needs only subjects need not load NATS.
"""
