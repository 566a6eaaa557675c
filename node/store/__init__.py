"""What a node remembers: one database, one writer that commits in groups, readers beside it."""

from node.store import file_tables as file_tables  # its tables are part of every store
from node.store.store import Store, StoreError

__all__ = ["Store", "StoreError"]
