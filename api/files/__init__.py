"""The file host: ClearML's protocol for uploads, downloads and deletions, on an address of its own."""

from api.files.app import make_files_app

__all__ = ["make_files_app"]
