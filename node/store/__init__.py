"""What a node remembers: one database, one writer that commits in groups, readers beside it."""

from node.store.store import Store, StoreError

__all__ = ["Store", "StoreError"]
