"""A compute worker for Morpheo: takes uplets of a node, runs their programs in a sandbox, posts the results.

`loop` takes and hands back, `learning` and `predicting` are the two protocols, `programs` runs what was
fetched. A worker needs the node's address and an access key, and no state of its own: killed at any moment,
it loses nothing, for the node gives to the next one what nobody works on any more.
"""

from suffice.worker.calls import MorpheoCalls, Uplet
from suffice.worker.loop import Outcome, Worker, WorkerSettings

__all__ = ["MorpheoCalls", "Outcome", "Uplet", "Worker", "WorkerSettings"]
