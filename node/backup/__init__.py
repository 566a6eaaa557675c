"""A node in one file: taken from a running or a stopped node, checked, and unpacked into a new home."""

from node.backup.archive import Archive, BackupError
from node.backup.taking import of_stopped, taken
from node.backup.unpacking import check, restore

__all__ = ["Archive", "BackupError", "check", "of_stopped", "restore", "taken"]
