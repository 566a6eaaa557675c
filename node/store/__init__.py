"""What a node remembers: one database, one writer that commits in groups, readers beside it."""

from node.store import deployment_tables as deployment_tables  # their tables are part of every store
from node.store import event_tables as event_tables
from node.store import file_tables as file_tables
from node.store import hearer_tables as hearer_tables
from node.store import service_tables as service_tables
from node.store import storage_tables as storage_tables
from node.store import uplet_tables as uplet_tables
from node.store import value_tables as value_tables
from node.store.store import Store, StoreError

__all__ = ["Store", "StoreError"]
