"""Which place a node keeps its files' contents in."""

from __future__ import annotations

from node.config import NodeConfig
from node.file_store.disk import DiskBlobs
from node.file_store.store import FileStore
from node.store import Store


def open_file_store(config: NodeConfig, store: Store) -> FileStore:
    """The file store that the configuration asks for, not yet open."""
    folder = config.files_folder
    return FileStore(store, DiskBlobs(folder / "contents"), folder / "incoming", config.files_quota)
