"""The job manager: which task runs when (`core`), in worker processes (`runner`, `worker`), as a service."""
