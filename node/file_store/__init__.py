"""Files that clients leave with the node, by path; equal contents are kept once, on disk or in a bucket."""

from node.file_store.arriving import Upload
from node.file_store.errors import QuotaExceeded
from node.file_store.places import open_file_store
from node.file_store.store import FileStore, Reading
from node.file_store.stored import OwnPath, StoredFile

__all__ = ["FileStore", "OwnPath", "QuotaExceeded", "Reading", "StoredFile", "Upload", "open_file_store"]
