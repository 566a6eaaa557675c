"""Which place a node keeps its files' contents in."""

from __future__ import annotations

from node.config import NodeConfig
from node.file_store.bucket import BucketBlobs
from node.file_store.disk import BlobPlace, DiskBlobs
from node.file_store.store import FileStore
from node.store import Store


def open_file_store(config: NodeConfig, store: Store, node_id: str) -> FileStore:
    """The file store that the configuration asks for, not yet open."""
    place: BlobPlace = DiskBlobs(config.contents_folder)
    if config.files_bucket is not None:
        place = BucketBlobs(config.files_bucket, node_id, config.contents_folder)
    return FileStore(store, place, config.files_folder / "incoming", config.files_quota)
