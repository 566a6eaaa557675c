"""What tasks and models report while they run: scalars, vectors, plots, images and logs.

One store for all of them, whoever runs them: exact and uncapped; nothing is averaged unless the call asks.
"""

from node.events.kinds import SINGLE_ITERATION, TYPE_NAMES, TYPES, Document, EventKind, Variants
from node.events.listening import BACKLOG, Event, Listener
from node.events.reporting import Added, NothingAdded
from node.events.service import Events

__all__ = [
    "BACKLOG",
    "SINGLE_ITERATION",
    "TYPES",
    "TYPE_NAMES",
    "Added",
    "Document",
    "Event",
    "EventKind",
    "Events",
    "Listener",
    "NothingAdded",
    "Variants",
]
