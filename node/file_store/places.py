"""Which place a node keeps its files' contents in."""

from __future__ import annotations

from node.config import NodeConfig
from node.file_store.disk import DiskBlobs
from node.file_store.store import FileStore
from node.store import Store


def open_file_store(config: NodeConfig, store: Store) -> FileStore:
    """The file store that the configuration asks for, not yet open."""
    incoming = config.files_folder / "incoming"
    return FileStore(store, DiskBlobs(config.contents_folder), incoming, config.files_quota)
